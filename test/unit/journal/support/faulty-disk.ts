import { type DiskFile, type JournalDisk, systemDisk } from '../../../../actors/journal/journal-disk.ts';

type Call = keyof JournalDisk | keyof DiskFile;

export interface FaultyDisk extends JournalDisk {
  /** What was called, in order: `write 0000000000000001.journal`. */
  calls: string[];
  /**
   * The next call of this name fails with this code, or, while `times` last, the next few. A failing
   * write has written `written` of its bytes.
   */
  fail(call: Call, code: string, more?: { times?: number; written?: number; after?: number }): void;
}

/** The real disk, with errors on demand. */
export function createFaultyDisk(): FaultyDisk {
  const calls: string[] = [];
  const faults: { call: Call; code: string; times: number; written: number; after: number }[] = [];

  function fault(call: Call, path: string) {
    calls.push(`${call} ${path.slice(path.lastIndexOf('/') + 1)}`);
    const index = faults.findIndex((one) => one.call === call);
    const found = faults[index];
    if (found === undefined || found.after-- > 0) return undefined;
    if (--found.times === 0) faults.splice(index, 1);
    const error = Object.assign(new Error(`${found.code}: injected, ${call}`), { code: found.code });
    return { error, written: found.written };
  }

  function check(call: Call, path: string): void {
    const found = fault(call, path);
    if (found) throw found.error;
  }

  function file(path: string, real: DiskFile): DiskFile {
    const checked =
      <Args extends unknown[], T>(call: Call, run: (...args: Args) => Promise<T>) =>
      async (...args: Args): Promise<T> => {
        check(call, path);
        return run(...args);
      };
    return {
      size: checked('size', real.size),
      read: checked('read', real.read),
      async write(source, at) {
        const found = fault('write', path);
        if (found === undefined) return real.write(source, at);
        if (found.written > 0) await real.write(source.subarray(0, found.written), at);
        throw found.error;
      },
      truncate: checked('truncate', real.truncate),
      sync: checked('sync', real.sync),
      datasync: checked('datasync', real.datasync),
      close: checked('close', real.close),
    };
  }

  return {
    calls,
    fail: (call, code, { times = 1, written = 0, after = 0 } = {}) =>
      void faults.push({ call, code, times, written, after }),
    async makeFolder(path) {
      check('makeFolder', path);
      await systemDisk.makeFolder(path);
    },
    async list(path) {
      check('list', path);
      return systemDisk.list(path);
    },
    async open(path, mode) {
      check('open', path);
      return file(path, await systemDisk.open(path, mode));
    },
    async remove(path) {
      check('remove', path);
      await systemDisk.remove(path);
    },
    async syncFolder(path) {
      check('syncFolder', path);
      await systemDisk.syncFolder(path);
    },
  };
}

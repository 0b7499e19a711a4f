import type { DiskFile, JournalDisk } from '../../../../actors/journal/journal-disk.ts';

const SECTOR = 512;

interface Content {
  now: Buffer;
  durable: Buffer;
}

export interface VolatileDisk extends JournalDisk {
  /** The process ends in the middle of the call after this many more; every call then fails. */
  dieAfter(calls: number): void;
  /** A new process; the machine went on, so that everything written is still there, synced or not. */
  restart(): void;
  /**
   * A new process after the power went: of what was not synced, each sector, each length and each name in a folder is
   * as it was before or as it was written.
   */
  powerUp(): void;
}

/** A disk in memory that keeps only what was synced, and any part of what was not. */
export function createVolatileDisk(random: () => number): VolatileDisk {
  let names = new Map<string, Content>();
  let durableNames = new Map<string, Content>();
  let callsLeft = Number.POSITIVE_INFINITY;
  let life = 0;

  /** True when this is the call that the process ends in. */
  async function call(of: number): Promise<boolean> {
    await Promise.resolve();
    if (of !== life || callsLeft < 0)
      throw Object.assign(new Error('the process has ended'), { code: 'EIO' });
    return callsLeft-- === 0;
  }

  async function whole(of: number, run: () => void): Promise<void> {
    const last = await call(of);
    if (!last || random() < 0.5) run();
    if (last) throw Object.assign(new Error('the process has ended'), { code: 'EIO' });
  }

  function resize(bytes: Buffer, length: number): Buffer {
    const resized = Buffer.alloc(length);
    bytes.copy(resized);
    return resized;
  }

  function file(content: Content): DiskFile {
    const of = life;
    const sync = () =>
      whole(of, () => {
        content.durable = Buffer.from(content.now);
      });
    return {
      async size() {
        await call(of);
        return content.now.length;
      },
      async read(target, from) {
        await call(of);
        return content.now.copy(target, 0, from);
      },
      async write(source, at) {
        const last = await call(of);
        const written = last ? Math.floor(random() * source.length) : source.length;
        if (at + written > content.now.length) content.now = resize(content.now, at + written);
        source.copy(content.now, at, 0, written);
        if (last) throw Object.assign(new Error('the process has ended'), { code: 'EIO' });
      },
      truncate: (length) =>
        whole(of, () => {
          content.now = resize(content.now, length);
        }),
      sync,
      datasync: sync,
      async close() {},
    };
  }

  function survive(content: Content): Content {
    const { now, durable } = content;
    const length = random() < 0.5 ? now.length : durable.length;
    const kept = Buffer.alloc(length);
    for (let at = 0; at < length; at += SECTOR) {
      const from = random() < 0.5 ? now : durable;
      if (at < from.length) from.copy(kept, at, at, Math.min(at + SECTOR, length));
    }
    return { now: kept, durable: Buffer.from(kept) };
  }

  function restart(): void {
    callsLeft = Number.POSITIVE_INFINITY;
    life++;
  }

  return {
    dieAfter(calls) {
      callsLeft = calls;
    },
    restart,
    powerUp() {
      const survived = new Map<string, Content>();
      for (const path of new Set([...names.keys(), ...durableNames.keys()])) {
        const content = (random() < 0.5 ? names : durableNames).get(path);
        if (content) survived.set(path, survive(content));
      }
      names = survived;
      durableNames = new Map(survived);
      restart();
    },
    async makeFolder() {
      await call(life);
    },
    async list(folder) {
      await call(life);
      const inside = [...names.keys()].filter((path) => path.startsWith(`${folder}/`));
      return inside.map((path) => path.slice(folder.length + 1));
    },
    async open(path, mode) {
      await call(life);
      if (mode === 'create') names.set(path, { now: Buffer.alloc(0), durable: Buffer.alloc(0) });
      const content = names.get(path);
      if (content === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
      return file(content);
    },
    remove: (path) => whole(life, () => void names.delete(path)),
    syncFolder: () =>
      whole(life, () => {
        durableNames = new Map(names);
      }),
  };
}

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** The few file calls that the file journal rests on; tests put one in between that fails. */
export interface JournalDisk {
  /** Makes the folder, private to this user, and those above it. */
  makeFolder(path: string): Promise<void>;
  list(path: string): Promise<string[]>;
  /** `create` fails where the file exists; the others fail (`ENOENT`) where it does not. */
  open(path: string, mode: 'create' | 'update' | 'read'): Promise<DiskFile>;
  remove(path: string): Promise<void>;
  /** Makes the coming and going of the folder's files durable. */
  syncFolder(path: string): Promise<void>;
}

export interface DiskFile {
  size(): Promise<number>;
  /** Fills `target` from a place in the file, as far as the file goes; gives the bytes read. */
  read(target: Buffer, from: number): Promise<number>;
  /** Writes all of `source`; after an error a part of it may be written. */
  write(source: Buffer, at: number): Promise<void>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  /** Makes what was written durable, and of the metadata only what reading it needs. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** No room, as opposed to a disk that fails. */
export function isNoSpace(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** The bytes of a file, as many as it has now. */
export async function readWhole(disk: JournalDisk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read');
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size());
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

const FLAGS = { create: 'wx+', update: 'r+', read: 'r' } as const;

export const systemDisk: JournalDisk = {
  async makeFolder(path) {
    const made = await mkdir(resolve(path), { recursive: true, mode: 0o700 });
    if (made === undefined) return;
    for (let folder = resolve(path); folder.length >= made.length; folder = dirname(folder))
      await syncFolder(dirname(folder));
  },
  list: (path) => readdir(path),
  async open(path, mode) {
    return diskFile(await open(path, FLAGS[mode], 0o600));
  },
  remove: (path) => unlink(path),
  syncFolder,
};

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function diskFile(handle: FileHandle): DiskFile {
  return {
    async size() {
      return (await handle.stat()).size;
    },
    async read(target, from) {
      let filled = 0;
      while (filled < target.length) {
        const { bytesRead } = await handle.read(target, filled, target.length - filled, from + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    async write(source, at) {
      for (let written = 0; written < source.length; )
        written += (await handle.write(source, written, source.length - written, at + written)).bytesWritten;
    },
    truncate: (length) => handle.truncate(length),
    sync: () => handle.sync(),
    datasync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

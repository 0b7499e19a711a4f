import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Bytes in a file without a name, first in, first out: gone with its process. */
export interface Spool {
  /** Bytes that were not taken yet. */
  readonly size: number;
  /** At once, since whoever brings them does not wait. Throws what the system says, such as `ENOSPC`. */
  add(bytes: Uint8Array): void;
  /** Fills as much as there is; gives how many bytes that were. They were just written: the system has them in memory. */
  take(into: Uint8Array): number;
  close(): void;
}

export function openSpool(): Spool {
  const path = join(tmpdir(), `suhbat-body-${randomBytes(12).toString('hex')}`);
  const file = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  let [begin, end] = [0, 0];

  return {
    get size() {
      return end - begin;
    },
    add(bytes) {
      for (let at = 0; at < bytes.byteLength; ) {
        const written = writeSync(file, bytes, at, bytes.byteLength - at, end);
        at += written;
        end += written;
      }
    },
    take(into) {
      const read = readSync(file, into, 0, Math.min(into.byteLength, end - begin), begin);
      if (read === 0 && begin < end) throw new Error('A spool has lost bytes');
      begin += read;
      return read;
    },
    close() {
      try {
        closeSync(file);
      } catch {
        // Nobody wants its bytes any more.
      }
    },
  };
}

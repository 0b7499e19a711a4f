import { openSpool, type Spool } from './spool.ts';

/**
 * The bytes of one body on their way, first in, first out, in two buffers of its own and, where these do not suffice, a
 * file. It holds at most 1 MiB of memory.
 */
export interface Pieces {
  /** Copies them: uWebSockets takes its buffer back. Throws where there is no room for a file. */
  add(chunk: ArrayBuffer): void;
  /** The next bytes; nothing where there are none. What it gave before may be written over from now on. */
  take(): Uint8Array | undefined;
  /** Gives up what is left, and its memory. What was taken last stays as it is. */
  drop(): void;
}

/** As much as uWebSockets reads at once. */
const room = 512 * 1024;
const none = Buffer.alloc(0);

export function createPieces(): Pieces {
  let lent = none;
  let filling = none;
  let used = 0;
  /** What came before that which `filling` holds. */
  let spool: Spool | undefined;

  function swap(): void {
    [filling, lent] = [lent, filling];
  }

  function fromSpool(from: Spool): Uint8Array {
    if (lent.byteLength < room) lent = Buffer.allocUnsafeSlow(room);
    const piece = lent.subarray(0, from.take(lent));
    if (from.size === 0) closeSpool();
    return piece;
  }

  function closeSpool(): void {
    const old = spool;
    // It is closed once, also where that fails.
    spool = undefined;
    old?.close();
  }

  return {
    add(chunk) {
      if (used > 0 && used + chunk.byteLength > room) {
        spool ??= openSpool();
        spool.add(filling.subarray(0, used));
        used = 0;
      }
      const size = used + chunk.byteLength;
      if (size > filling.byteLength) {
        const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(size)));
        larger.set(filling.subarray(0, used));
        filling = larger;
      }
      filling.set(new Uint8Array(chunk), used);
      used = size;
    },
    take() {
      if (spool !== undefined) return fromSpool(spool);
      const piece = used > 0 ? filling.subarray(0, used) : undefined;
      used = 0;
      // Also where there is nothing: the one that comes back is filled next, and most bodies need no other.
      swap();
      return piece;
    },
    drop() {
      closeSpool();
      filling = none;
      lent = none;
      used = 0;
    },
  };
}

import type { Clock } from '../../ops/process/clock.ts';
import { fail } from '../../schemas/errors.ts';
import type { Exchange } from './exchange.ts';
import { createPieces } from './pieces.ts';

/** A body that is read piece by piece: while nobody asks for the next piece the client is not read from. */
export interface BodyStream {
  contentType: string;
  /** What the client said; undefined where it did not. */
  contentLength: number | undefined;
  /**
   * The next piece, nothing at the end. A piece is lent: its bytes are others once the next one is asked for. Throws
   * `too_large`, `unavailable` (`media_unavailable`), and `Gone` where the client goes away.
   */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Where an answer is due before the end: takes what has already been sent and forgets it, for a moment. An answer that
   * ends a connection with unread bytes is lost on its way.
   */
  discard(): Promise<void>;
}

/** The client went away before its body had ended: nobody waits for an answer. */
class Gone extends Error {}

/**
 * Must be called in the turn in which the request came. From its first bytes on the socket rests until they were taken.
 * uWebSockets does not stop at once, though: as long as a read fills its 512 KiB it reads again, in the same turn, and a
 * client that is as fast (or a busy machine) has it bring up to the whole body after `pause`. What two buffers do not hold
 * waits in a file, so that a body has 1 MiB of memory, however long and fast it is. `onFault` hears why there is no such
 * file.
 */
export function openBody(
  exchange: Exchange,
  most: number,
  clock: Clock,
  onFault: (error: unknown) => void,
): BodyStream {
  const { res, contentType } = exchange;
  const pieces = createPieces();
  let size = 0;
  let ended = false;
  let gone = false;
  let unwanted = false;
  let broken = false;
  let wake = () => {};
  exchange.onGone = () => {
    gone = true;
    wake();
  };
  exchange.onOver = () => pieces.drop();
  // Until it was read to its end.
  exchange.closes = true;

  /** Again with each chunk that comes nevertheless: it gives the client ten seconds for the next one, which this ends. */
  function rest(): void {
    exchange.rests = true;
    res.pause();
  }

  function goOn(): void {
    if (exchange.rests) res.resume();
    exchange.rests = false;
  }

  function withPieces<T>(work: () => T): T | undefined {
    if (broken) return undefined;
    try {
      return work();
    } catch (error) {
      broken = true;
      pieces.drop();
      onFault(error);
      return undefined;
    }
  }

  res.onData((chunk, isLast) => {
    if (exchange.over) return;
    size += chunk.byteLength;
    if (size <= most && !unwanted) withPieces(() => pieces.add(chunk));
    ended = isLast;
    // One that rests goes on with its answer: uWebSockets would give it ten seconds to send more.
    if (isLast) exchange.closes = false;
    else if (!unwanted) rest();
    wake();
  });

  return {
    contentType,
    contentLength: exchange.hasLength ? exchange.contentLength : undefined,
    async read() {
      for (;;) {
        if (gone) throw new Gone();
        if (exchange.contentLength > most || size > most) throw tooLarge(most);
        if (exchange.over) throw new Gone();
        const piece = withPieces(pieces.take);
        if (broken) throw fail('unavailable', { reason: 'media_unavailable' });
        if (piece !== undefined) return piece;
        if (ended) {
          pieces.drop();
          return undefined;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          goOn();
        });
      }
    },
    discard() {
      unwanted = true;
      const until = size + lingerBytes;
      pieces.drop();
      if (ended || gone || exchange.over) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = clock.after(lingerMs, resolve);
        wake = () => {
          if (!ended && !gone && size < until) return;
          cancel();
          resolve();
        };
        goOn();
      });
    },
  };
}

/** Milliseconds, and bytes. */
const lingerMs = 500;
const lingerBytes = 16 * 1024 * 1024;

function tooLarge(most: number) {
  return fail('too_large', { detail: `This body has at most ${most} bytes` });
}

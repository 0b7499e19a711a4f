import type { Clock } from '../../ops/process/clock.ts';
import { fail } from '../../schemas/errors.ts';
import type { Exchange } from './exchange.ts';

/** A body that is read piece by piece: while nobody asks for the next piece the client is not read from. */
export interface BodyStream {
  contentType: string;
  /** What the client said; undefined where it did not. */
  contentLength: number | undefined;
  /** The next piece, nothing at the end. Throws `too_large`; where the client goes away it throws `Gone`. */
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
 * Must be called in the turn in which the request came. uWebSockets hands over at most what it reads at once (512 KiB);
 * from then on the socket rests until that was taken. So a body holds about that much memory, however long it is.
 */
export function openBody(exchange: Exchange, most: number, clock: Clock): BodyStream {
  const { res, contentType } = exchange;
  const pieces: Uint8Array[] = [];
  let size = 0;
  let ended = false;
  let gone = false;
  let unwanted = false;
  let wake = () => {};
  exchange.onGone = () => {
    gone = true;
    wake();
  };
  // Until it was read to its end.
  exchange.closes = true;

  function rest(rests: boolean): void {
    if (rests === exchange.rests) return;
    exchange.rests = rests;
    if (rests) res.pause();
    else res.resume();
  }

  res.onData((chunk, isLast) => {
    if (exchange.over) return;
    size += chunk.byteLength;
    // The buffer is taken back when this returns.
    if (chunk.byteLength > 0 && size <= most && !unwanted) pieces.push(new Uint8Array(chunk.slice(0)));
    ended = isLast;
    // One that rests goes on with its answer: uWebSockets would give it ten seconds to send more.
    if (isLast) exchange.closes = false;
    else if (!unwanted) rest(true);
    wake();
  });

  return {
    contentType,
    contentLength: exchange.hasLength ? exchange.contentLength : undefined,
    async read() {
      for (;;) {
        if (gone) throw new Gone();
        if (exchange.contentLength > most || size > most) throw tooLarge(most);
        const piece = pieces.shift();
        if (piece !== undefined) return piece;
        if (ended) return undefined;
        if (exchange.over) throw new Gone();
        await new Promise<void>((resolve) => {
          wake = resolve;
          rest(false);
        });
      }
    },
    discard() {
      unwanted = true;
      const until = size + lingerBytes;
      pieces.length = 0;
      if (ended || gone || exchange.over) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = clock.after(lingerMs, resolve);
        wake = () => {
          if (!ended && !gone && size < until) return;
          cancel();
          resolve();
        };
        rest(false);
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

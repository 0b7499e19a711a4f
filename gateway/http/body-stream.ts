import { fail } from '../../schemas/errors.ts';
import type { Exchange } from './exchange.ts';

/** A body that is read piece by piece: while nobody asks for the next piece the client is not read from. */
export interface BodyStream {
  contentType: string;
  /** What the client said; undefined where it did not. */
  contentLength: number | undefined;
  /** The next piece, nothing at the end. Throws `too_large`; where the client goes away it throws `Gone`. */
  read(): Promise<Uint8Array | undefined>;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
}

/** The client went away before its body had ended: nobody waits for an answer. */
export class Gone extends Error {}

/**
 * Must be called in the turn in which the request came. uWebSockets hands over at most what it reads at once (512 KiB);
 * from then on the socket rests until that was taken. So a body holds about that much memory, however long it is.
 */
export function openBody(exchange: Exchange, most: number): BodyStream {
  const { res, contentType } = exchange;
  const gone = new AbortController();
  const pieces: Uint8Array[] = [];
  let size = 0;
  let ended = false;
  let resting = false;
  let wake = () => {};
  exchange.onGone = () => {
    gone.abort();
    wake();
  };
  // Until it was read to its end.
  exchange.closes = true;

  function rest(rests: boolean): void {
    if (rests === resting) return;
    resting = rests;
    if (rests) res.pause();
    else res.resume();
  }

  res.onData((chunk, isLast) => {
    if (exchange.over || size > most) return;
    size += chunk.byteLength;
    // The buffer is taken back when this returns.
    if (chunk.byteLength > 0 && size <= most) pieces.push(new Uint8Array(chunk.slice(0)));
    ended = isLast;
    if (isLast) {
      exchange.closes = false;
      // The next request of this connection is to be read, too.
      rest(false);
    } else {
      rest(true);
    }
    wake();
  });

  return {
    contentType,
    contentLength: exchange.hasLength ? exchange.contentLength : undefined,
    signal: gone.signal,
    async read() {
      for (;;) {
        if (gone.signal.aborted) throw new Gone();
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
  };
}

function tooLarge(most: number) {
  return fail('too_large', { detail: `This body has at most ${most} bytes` });
}

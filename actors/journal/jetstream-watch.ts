import type { Clock } from '../../ops/process/clock.ts';
import type { JetstreamApi } from './jetstream-api.ts';
import { isStreamMissing, journalError } from './jetstream-faults.ts';
import { isLoading, type JetstreamLife, stillAlive } from './jetstream-stream.ts';
import { JournalError } from './journal.ts';

export interface WatchParts {
  api: JetstreamApi;
  clock: Clock;
  life: JetstreamLife;
  bytes: number;
  maxBytes: number;
  /** The stream is no more what it was. Called once. */
  onGone(error: JournalError): void;
}

/**
 * Keeps an eye on the stream: that it is still the one that was opened, and how full it is. Both stand in
 * one answer, that is asked for once a second, and five times as often while there are appends to a stream
 * that is nearly full; so the hot path asks nothing. Between two looks it counts its own appends; what other
 * nodes write meanwhile comes out of the tenth that is kept free, and at the end the stream refuses by
 * itself.
 */
export interface StreamWatch {
  readonly gone: JournalError | undefined;
  /** Nothing speaks for another stream since the last look. Otherwise `look` first. */
  readonly sure: boolean;
  /** The connection broke: whatever comes back may be another stream. */
  doubt(): void;
  /** One look for all who wait. Rejects `gone`, and `in_doubt` where the server does not say. */
  look(): Promise<void>;
  /** Something strange was answered: rejects if it is because the stream is gone, resolves otherwise. */
  explain(): Promise<void>;
  /** May an unreserved append of so many bytes be sent? */
  fits(bytes: number): boolean;
  /** As `fits`, after another look unless there was one just now. */
  fitsNow(bytes: number): Promise<boolean>;
  sent(bytes: number): void;
  trimmed(): void;
  readonly bytes: number;
  readonly maxBytes: number;
  close(): void;
}

/** The rest is for claims and releases. */
const share = 0.9;
const tickMs = 200;
const lookMs = 1000;
/** From here on it is looked at with every tick. */
const nearShare = 0.8;
/** A stream that was not found is looked for again before it is given up: a cluster may be starting. */
const missingMs = 2000;

export function createStreamWatch({ api, clock, onGone, ...start }: WatchParts): StreamWatch {
  let { bytes, maxBytes, life } = start;
  /** Bytes sent since the last look. */
  let added = 0;
  let lookedAt = clock.monotonic();
  let doubts = 0;
  let cleared = 0;
  let missingSince: number | undefined;
  let gone: JournalError | undefined;
  let looking: Promise<void> | undefined;
  let closed = false;
  let cancel = clock.after(tickMs, tick);

  function tick(): void {
    if (closed || gone !== undefined) return;
    if (due(clock.monotonic() - lookedAt)) look().catch(() => undefined);
    cancel = clock.after(tickMs, tick);
  }

  function due(age: number): boolean {
    if (doubts !== cleared || missingSince !== undefined || age >= lookMs) return true;
    return added > 0 && bytes + added >= maxBytes * nearShare;
  }

  function look(): Promise<void> {
    if (gone !== undefined) return Promise.reject(gone);
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function lookOnce(): Promise<void> {
    const [doubted, before] = [doubts, added];
    const info = await api.info().catch((error: unknown) => {
      if (isStreamMissing(error)) missing();
      throw journalError(error, 'The journal’s stream cannot be looked at');
    });
    missingSince = undefined;
    if (isLoading(info)) throw new JournalError('in_doubt', 'The journal’s stream is being loaded.');
    const now = await stillAlive(life, api, info).catch((error: unknown) => {
      throw journalError(error, 'The journal’s stream cannot be looked at');
    });
    if (now === undefined) end('was deleted and made anew');
    life = now;
    bytes = info.state.bytes;
    maxBytes = info.config.max_bytes;
    added -= before;
    lookedAt = clock.monotonic();
    cleared = doubted;
  }

  function missing(): void {
    missingSince ??= clock.monotonic();
    if (clock.monotonic() - missingSince >= missingMs) end('was deleted');
  }

  function end(what: string): never {
    gone = new JournalError('gone', `The journal’s stream ${life.stream} ${what}: what it held is lost.`);
    onGone(gone);
    throw gone;
  }

  function fits(more: number): boolean {
    return bytes + added + more <= maxBytes * share;
  }

  return {
    get gone() {
      return gone;
    },
    get sure() {
      return doubts === cleared && missingSince === undefined;
    },
    doubt: () => void doubts++,
    look,
    async explain() {
      await look().catch(() => undefined);
      if (gone !== undefined) throw gone;
    },
    fits,
    async fitsNow(more) {
      if (!fits(more) && clock.monotonic() - lookedAt >= tickMs) await look();
      return fits(more);
    },
    sent(more) {
      added += more;
    },
    trimmed() {
      lookedAt = Number.NEGATIVE_INFINITY;
    },
    get bytes() {
      return bytes + added;
    },
    get maxBytes() {
      return maxBytes;
    },
    close() {
      closed = true;
      cancel();
    },
  };
}

import { type Clock, sleep } from '../../ops/process/clock.ts';
import { type ClaimParts, releaseShard } from './claim.ts';
import type { OwnedShard } from './shard.ts';

export interface ReleaserParts {
  clock: Clock;
  claim: ClaimParts;
  /** From now on the shard takes no new commands. */
  releasing(shard: OwnedShard): void;
  /** An answer waits for its flush. */
  dirty(shard: OwnedShard): void;
}

/** Monotonic times. */
interface Going {
  flushUntil: number;
  recordUntil: number;
  done: Promise<void>;
}

const lookMs = 5;

/**
 * Lets shards go: no new commands → the batches in hand are finished → flushed, for so long as there is
 * time → a release record, so that the next owner claims at once. What is not flushed by then is the
 * next owner's.
 */
export class Releaser {
  readonly #parts: ReleaserParts;
  readonly #going = new Map<OwnedShard, Going>();

  constructor(parts: ReleaserParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the shard is gone, with a release record if that could be written in time. A second call
   * waits for the first, and may hurry it.
   */
  release(shard: OwnedShard, flushMs: number, recordMs: number): Promise<void> {
    const now = this.#parts.clock.monotonic();
    const times = { flushUntil: now + flushMs, recordUntil: now + flushMs + recordMs };
    const before = this.#going.get(shard);
    if (before !== undefined) {
      before.flushUntil = Math.min(before.flushUntil, times.flushUntil);
      before.recordUntil = Math.min(before.recordUntil, times.recordUntil);
      return before.done;
    }
    const going: Going = { ...times, done: Promise.resolve() };
    this.#going.set(shard, going);
    going.done = this.#release(shard, going).finally(() => this.#going.delete(shard));
    return going.done;
  }

  /** Resolves when no release is under way any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.#going.values()].map(({ done }) => done));
  }

  async #release(shard: OwnedShard, times: Going): Promise<void> {
    const { clock, claim, releasing, dirty } = this.#parts;
    const left = () => times.recordUntil - clock.monotonic();
    releasing(shard);
    while (!finished(shard) && clock.monotonic() < times.flushUntil) {
      dirty(shard);
      await sleep(clock, lookMs);
    }
    const { number, epoch, appender, closed, aloneAt, journal } = shard;
    shard.lose('released');
    await Promise.race([appender.ended, sleep(clock, left())]);
    // A release says that nobody before answers reads any more: else the next owner waits for that itself.
    if (clock.monotonic() < aloneAt) await sleep(clock, Math.min(aloneAt - clock.monotonic(), left()));
    if (clock.monotonic() < aloneAt) return;
    // Without an outcome of its last append nobody knows what a release record would follow.
    if (!closed && appender.sure)
      await releaseShard(number, { epoch, newest: appender.newest }, { ...claim, journal }, left());
  }
}

function finished({ closed, appender, queue }: OwnedShard): boolean {
  return queue.settled && (closed || appender.batches.length === 0);
}

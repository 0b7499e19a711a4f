import type { Clock } from '../../ops/process/clock.ts';
import type { RuntimeOptions } from './options.ts';
import type { OwnedShard } from './shard.ts';

const leastPauseMs = 1000;

/** Trims the journal some minutes behind the checkpoints: room for a small restore of the database. */
export class Trimmer {
  readonly #owned: () => Iterable<OwnedShard>;
  readonly #clock: Clock;
  readonly #options: RuntimeOptions;
  readonly #fault: (message: string, error: unknown) => void;
  /** Loses the shards of which PostgreSQL has less than it had. */
  readonly #look: () => Promise<void>;
  /** `at` is in `#answeredMs`. */
  readonly #seen = new WeakMap<OwnedShard, { at: number; position: number }[]>();
  readonly #trimmed = new WeakMap<OwnedShard, number>();
  /** Monotonic time at which the last round began. */
  #roundAt: number;
  /** How long PostgreSQL was there: an outage uses up nothing of the room that is kept for a restore after it. */
  #answeredMs = 0;
  #cancel: (() => void) | undefined;
  #stopped = false;
  #relieving = false;
  /** The last round failed, and that was told. */
  #failing = false;

  constructor(
    owned: () => Iterable<OwnedShard>,
    clock: Clock,
    options: RuntimeOptions,
    fault: (message: string, error: unknown) => void,
    look: () => Promise<void>,
  ) {
    this.#look = look;
    this.#owned = owned;
    this.#clock = clock;
    this.#options = options;
    this.#fault = fault;
    this.#roundAt = clock.monotonic();
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#clock.after(Math.max(this.#options.trimBehindMs / 10, leastPauseMs), () => {
      void this.trim().finally(() => this.start());
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#stopped = true;
  }

  /**
   * Notes where the checkpoints are now, and trims to where they were `trimBehindMs` ago. PostgreSQL is asked first:
   * one that is away may come back older, and one that came back so may not have been noticed.
   */
  async trim(): Promise<void> {
    const begunAt = this.#clock.monotonic();
    const sinceLast = begunAt - this.#roundAt;
    this.#roundAt = begunAt;
    try {
      await this.#look();
    } catch {
      // A database that is away is the flusher's to tell.
      return;
    }
    if (this.#stopped) return;
    this.#answeredMs += sinceLast;
    const now = this.#answeredMs;
    const due: [shard: OwnedShard, position: number][] = [];
    for (const shard of this.#owned()) {
      const seen = this.#seen.get(shard) ?? [];
      this.#seen.set(shard, seen);
      if (seen.at(-1)?.position !== shard.checkpoint) seen.push({ at: now, position: shard.checkpoint });
      const old = seen.findLastIndex((one) => one.at <= now - this.#options.trimBehindMs);
      const upTo = seen[old];
      if (upTo === undefined) continue;
      // This one stays, so that it is not noted again.
      seen.splice(0, old);
      due.push([shard, upTo.position]);
    }
    await this.#trimAll(due);
  }

  /**
   * The journal is full: what PostgreSQL has makes room now, whatever a later restore might want. It is asked first,
   * since it may have been restored already, and nobody has noticed; while it is away there is no room to be made.
   */
  async relieve(): Promise<void> {
    if (this.#relieving || this.#stopped) return;
    this.#relieving = true;
    try {
      await this.#look();
      await this.#trimAll([...this.#owned()].map((shard) => [shard, shard.checkpoint]));
    } catch {
      // An append that finds it full asks again.
    } finally {
      this.#relieving = false;
    }
  }

  /** A journal that is away fails for all of them, round after round: that is told once. */
  async #trimAll(due: readonly (readonly [shard: OwnedShard, position: number])[]): Promise<void> {
    const faults: unknown[] = [];
    for (const [shard, position] of due) {
      if (position <= (this.#trimmed.get(shard) ?? 0)) continue;
      try {
        await shard.journal.trim(shard.number, position);
        this.#trimmed.set(shard, position);
      } catch (error) {
        faults.push(error);
      }
    }
    const [first] = faults;
    if (first !== undefined && !this.#failing)
      this.#fault(`trimming failed for ${faults.length} of ${due.length} shards`, first);
    this.#failing = first !== undefined;
  }
}

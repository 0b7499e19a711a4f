import type { Clock } from '../../ops/process/clock.ts';
import type { Journal } from '../journal/journal.ts';
import type { RuntimeOptions } from './options.ts';
import type { OwnedShard } from './shard.ts';

/** Trims the journal some minutes behind the checkpoints: room for a small restore of the database. */
export class Trimmer {
  readonly #serving: () => Iterable<OwnedShard>;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #options: RuntimeOptions;
  readonly #fault: (message: string, error: unknown) => void;
  readonly #seen = new WeakMap<OwnedShard, { at: number; position: number }[]>();
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(
    serving: () => Iterable<OwnedShard>,
    journal: Journal,
    clock: Clock,
    options: RuntimeOptions,
    fault: (message: string, error: unknown) => void,
  ) {
    this.#serving = serving;
    this.#journal = journal;
    this.#clock = clock;
    this.#options = options;
    this.#fault = fault;
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#clock.after(this.#options.trimBehindMs / 10, () => {
      void this.trim().finally(() => this.start());
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#stopped = true;
  }

  /** Notes where the checkpoints are now, and trims to where they were `trimBehindMs` ago. */
  async trim(): Promise<void> {
    const now = this.#clock.monotonic();
    for (const shard of [...this.#serving()]) {
      const seen = this.#seen.get(shard) ?? [];
      this.#seen.set(shard, seen);
      if (seen.at(-1)?.position !== shard.checkpoint) seen.push({ at: now, position: shard.checkpoint });
      const old = seen.findLastIndex((one) => one.at <= now - this.#options.trimBehindMs);
      const upTo = seen[old];
      if (upTo === undefined) continue;
      seen.splice(0, old + 1);
      try {
        await this.#journal.trim(shard.number, upTo.position);
      } catch (error) {
        this.#fault(`trimming shard ${shard.number} failed`, error);
      }
    }
  }
}

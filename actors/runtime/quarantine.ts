import type { Clock } from '../../ops/process/clock.ts';
import { type Journal, JournalError } from '../journal/journal.ts';
import { examineShard } from './examine.ts';
import type { FlushStore } from './flush-store.ts';
import type { RuntimeOptions } from './options.ts';

export interface QuarantineParts {
  journal: Journal;
  /** Opens what stands in the place of a journal that is gone; rejects while nothing does. */
  reopenJournal?(): Promise<Journal>;
  /** `journal` is another one now. */
  reopened(): void;
  store: FlushStore;
  clock: Clock;
  options: RuntimeOptions;
  log(level: 'info' | 'warn' | 'error', message: string, error?: unknown): void;
}

interface Broken {
  /** Monotonic; no end while it is looked at. */
  notBefore: number;
  /** What was found broken when its chain was walked; see `examineShard`. */
  version: string | undefined;
}

/**
 * The shards that wait for an operator. Each is looked at now and then: it may have been adopted, or what was
 * lost may have been put back. Where the whole journal is gone, another one may stand in its place by then.
 */
export class Quarantine {
  /** What shards are claimed in now. A shard stays with the one that it was claimed in. */
  journal: Journal;
  readonly #parts: QuarantineParts;
  readonly #broken = new Map<number, Broken>();
  #reopening = false;

  constructor(parts: QuarantineParts) {
    this.#parts = parts;
    this.journal = parts.journal;
  }

  enter(shard: number, why: string): void {
    this.#broken.set(shard, { notBefore: this.#nextLook(), version: undefined });
    this.#parts.log('error', `shard ${shard} is quarantined: ${why}`);
  }

  /** Is it time to look at it again? */
  due(shard: number): boolean {
    const broken = this.#broken.get(shard);
    return broken !== undefined && broken.notBefore <= this.#parts.clock.monotonic();
  }

  leave(shard: number): void {
    this.#broken.delete(shard);
  }

  /** True: the shard is whole, and in quarantine no more. Rejects never. */
  async look(shard: number): Promise<boolean> {
    const { store, options, log } = this.#parts;
    const { journal } = this;
    const broken = this.#broken.get(shard);
    if (broken === undefined) return false;
    broken.notBefore = Number.POSITIVE_INFINITY;
    try {
      const pageSize = options.replayRecords;
      const found = await examineShard(shard, { journal, store, pageSize }, broken.version);
      broken.version = found.version;
      if (found.broken === undefined && this.#broken.get(shard) === broken) {
        this.leave(shard);
        log('info', `shard ${shard} leaves quarantine: its journal and PostgreSQL fit together again`);
        return true;
      }
    } catch (error) {
      // The journal or PostgreSQL is away, and others say so.
      const gone = error instanceof JournalError && error.fault === 'gone';
      if (gone && journal === this.journal) await this.#reopen();
    }
    broken.notBefore = this.#nextLook();
    return false;
  }

  async #reopen(): Promise<void> {
    const { reopenJournal, log } = this.#parts;
    if (this.#reopening || reopenJournal === undefined) return;
    this.#reopening = true;
    try {
      this.journal = await reopenJournal();
      log('warn', 'the journal was gone; another one stands in its place and is used from now on');
      this.#parts.reopened();
    } catch {
      // Not yet.
    } finally {
      this.#reopening = false;
    }
  }

  #nextLook(): number {
    return this.#parts.clock.monotonic() + this.#parts.options.quarantineLookMs;
  }
}

import type { Clock } from '../../ops/process/clock.ts';
import { type Journal, JournalError } from '../journal/journal.ts';
import { decodeHeader } from './record.ts';

export interface FenceParts {
  shard: number;
  epoch: number;
  node: string;
  /** Monotonic time at which the claim was confirmed to be the newest record. */
  confirmedAt: number;
  /** An own record is good for reads for so long, in milliseconds. */
  fenceMs: number;
  journal: Journal;
  clock: Clock;
  /** Position of the newest record that this owner knows to be its own. */
  newest(): number;
  /** Another owner's record is the newest. */
  fenced(): void;
  /** The journal ends before records that it once had. */
  cut(): void;
}

/** `own`: the shard was surely ours at some time in the `fenceMs` before. `unknown`: the journal did not say. */
export type Confirmation = 'own' | 'lost' | 'unknown';

/** Makes sure, before a read leaves, that nobody else can have committed what the read lacks. */
export class Fence {
  readonly #parts: FenceParts;
  #confirmedAt: number;
  #asking: Promise<Confirmation> | undefined;
  #closed = false;

  constructor(parts: FenceParts) {
    this.#parts = parts;
    this.#confirmedAt = parts.confirmedAt;
  }

  /** A record of ours was kept at this monotonic time or later. */
  confirmed(at: number): void {
    this.#confirmedAt = Math.max(this.#confirmedAt, at);
  }

  /** Was the shard surely one's own at some time in the `fenceMs` before this one? */
  fresh(at: number): boolean {
    return this.#parts.journal.exclusive || at - this.#confirmedAt < this.#parts.fenceMs;
  }

  /**
   * Makes sure of that by the journal's word, with one check for all who wait. A check that began too
   * long before `at` says nothing about it, so there may be another.
   */
  async confirm(at: number): Promise<Confirmation> {
    while (!this.#closed && !this.fresh(at)) {
      const answer = await this.#askOnce();
      if (answer !== 'own') return answer;
    }
    return this.#closed ? 'lost' : 'own';
  }

  /** The same of now, whatever was confirmed before: the journal may have been away, and hold less than it did. */
  async check(): Promise<Confirmation> {
    await this.#asking;
    return this.#closed ? 'lost' : this.#askOnce();
  }

  close(): void {
    this.#closed = true;
  }

  #askOnce(): Promise<Confirmation> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<Confirmation> {
    const { shard, epoch, node, journal, clock, newest, fenced, cut } = this.#parts;
    const startedAt = clock.monotonic();
    const known = newest();
    try {
      const record = await journal.newest(shard);
      if (this.#closed) return 'lost';
      if (record === undefined || record.position < known) {
        cut();
        return 'lost';
      }
      const header = decodeHeader(record.payload);
      if (header.epoch !== epoch || header.node !== node) {
        fenced();
        return 'lost';
      }
      this.confirmed(startedAt);
      return 'own';
    } catch (error) {
      if (this.#closed) return 'lost';
      if (!(error instanceof JournalError) || error.fault !== 'gone') return 'unknown';
      cut();
      return 'lost';
    }
  }
}

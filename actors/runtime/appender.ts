import type { Clock } from '../../ops/process/clock.ts';
import { sleep } from '../../ops/process/clock.ts';
import type { Refusal } from '../../schemas/errors.ts';
import { type Journal, JournalError } from '../journal/journal.ts';
import type { RuntimeObserver } from './observer.ts';
import type { RuntimeOptions } from './options.ts';
import type { ActorEvent, Output } from './output.ts';
import { encodeEvent, encodeRecord } from './record.ts';

/** Events that are committed together, and what waits for that. */
export interface Batch {
  /** Counts the batches of one ownership: 1, 2, 3 … */
  number: number;
  events: ActorEvent[];
  texts: string[];
  bytes: number;
  outputs: Output[];
  openedAt: number;
}

export interface AppenderParts {
  shard: number;
  epoch: number;
  node: string;
  /** Position of the newest record: one's own claim. */
  newest: number;
  journal: Journal;
  clock: Clock;
  options: RuntimeOptions;
  observer: RuntimeObserver;
  /**
   * In commit order. `startedAt`: monotonic time before the record can have been kept, that is before the
   * first attempt: a repeat may be answered as a duplicate long after, and then proves nothing about now.
   */
  committed(batch: Batch, position: number, startedAt: number): void;
  /** Ownership is gone. `refusal` is for the batch that was in flight; what had not begun was not done. */
  lost(batch: Batch, refusal: Refusal, reason: string): void;
}

/**
 * Group commit of one shard: events join the open batch; one append is in flight at a time, and whatever
 * arrives meanwhile is the next batch. Exactly one of `committed` and `lost` is called for each batch
 * that began; after `lost` nothing more happens.
 */
export class Appender {
  newest: number;
  /** Number of the newest committed batch. */
  committed = 0;
  /** Bytes that wait, the batch in flight included. */
  waitingBytes = 0;
  /** The journal does not take appends right now: refuse what would make events. */
  stalled = false;
  /** The first of `batches` is being appended: its outcome is unknown. */
  inFlight = false;
  /** Batches not yet committed, oldest first; the last one is open while it is not in flight. */
  readonly batches: Batch[] = [];
  readonly #parts: AppenderParts;
  #made = 0;
  #attempts = 0;
  #running = false;
  #closed = false;

  constructor(parts: AppenderParts) {
    this.#parts = parts;
    this.newest = parts.newest;
  }

  /** Puts events into the open batch; gives the number of the batch that the last of them is in. */
  add(events: readonly ActorEvent[]): number {
    let batch = this.#open();
    for (const event of events) {
      const text = encodeEvent(event.kind, event.id, event.event);
      if (batch.bytes > 0 && batch.bytes + text.length > this.#parts.options.batchBytes)
        batch = this.#begin();
      batch.events.push(event);
      batch.texts.push(text);
      batch.bytes += text.length;
      this.waitingBytes += text.length;
    }
    if (!this.#running) {
      this.#running = true;
      queueMicrotask(() => void this.#run());
    }
    return batch.number;
  }

  /** Lets an output out when this batch is committed; false if it is already. */
  attach(number: number, output: Output): boolean {
    if (number <= this.committed) return false;
    this.batches[number - this.committed - 1]?.outputs.push(output);
    return true;
  }

  /** Appends nothing more; what waits stays in `batches`. */
  close(): void {
    this.#closed = true;
  }

  #open(): Batch {
    const last = this.batches.at(-1);
    return last === undefined || (this.inFlight && this.batches.length === 1) ? this.#begin() : last;
  }

  #begin(): Batch {
    const batch: Batch = {
      number: ++this.#made,
      events: [],
      texts: [],
      bytes: 0,
      outputs: [],
      openedAt: this.#parts.clock.monotonic(),
    };
    this.batches.push(batch);
    return batch;
  }

  async #run(): Promise<void> {
    for (let batch = this.batches[0]; batch !== undefined && !this.#closed; batch = this.batches[0]) {
      this.inFlight = true;
      const done = await this.#append(batch);
      this.inFlight = false;
      if (!done) return;
    }
    this.#running = false;
  }

  async #append(batch: Batch): Promise<boolean> {
    const { shard, epoch, node, journal, clock, options, observer } = this.#parts;
    const payload = encodeRecord({ type: 'batch', epoch, previous: this.newest, node }, batch.texts);
    const messageId = `${shard}/${epoch}/${node}/${++this.#attempts}`;
    const first = clock.monotonic();
    let pause = options.retryMs;
    let doubted = false;
    for (;;) {
      try {
        const position = await journal.append({ shard, messageId, expected: this.newest, payload });
        if (this.#closed) return false;
        observer.batch(batch.events.length, payload.length, (clock.monotonic() - batch.openedAt) / 1000);
        this.newest = position;
        this.stalled = false;
        this.committed = batch.number;
        this.batches.shift();
        this.waitingBytes -= batch.bytes;
        this.#parts.committed(batch, position, first);
        return true;
      } catch (error) {
        if (this.#closed) return false;
        const fault = error instanceof JournalError ? error.fault : 'in_doubt';
        if (fault === 'refused') observer.refused();
        if (fault === 'refused') return this.#lost(batch, { code: 'actor_moved' }, 'another node owns it');
        const unknown: Refusal = { code: 'timeout', reason: 'journal' };
        if (fault === 'failed') return this.#lost(batch, unknown, 'the journal failed');
        doubted ||= fault === 'in_doubt';
        if (doubted && clock.monotonic() - first >= options.inDoubtMs)
          return this.#lost(batch, unknown, 'an append stayed in doubt');
        this.stalled = true;
        await sleep(clock, pause);
        if (this.#closed) return false;
        pause = Math.min(pause * 2, options.retryMaxMs);
      }
    }
  }

  #lost(batch: Batch, refusal: Refusal, reason: string): boolean {
    this.close();
    this.#parts.lost(batch, refusal, reason);
    return false;
  }
}

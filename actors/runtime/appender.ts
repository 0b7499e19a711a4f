import type { Clock } from '../../ops/process/clock.ts';
import { type Journal, JournalError, type JournalFault } from '../journal/journal.ts';
import type { RuntimeObserver } from './observer.ts';
import type { RuntimeOptions } from './options.ts';
import type { ActorEvent, Output } from './output.ts';
import { encodeEvent, encodeRecord } from './record.ts';
import { ToldMark } from './untold.ts';

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

/**
 * How an append ended. `startedAt`: monotonic time before the record can have been kept: a repeat may be
 * answered as a duplicate long after, and then proves nothing about now. `cut`: the journal has lost
 * records that this owner knows of.
 */
export type Outcome =
  | { kept: true; position: number; startedAt: number }
  | { kept: false; fault: Exclude<JournalFault, 'gone'> | 'cut' };

export interface AppenderParts {
  shard: number;
  epoch: number;
  node: string;
  /** Position of the newest record: one's own claim. */
  newest: number;
  /** Heads after this position may be untold. */
  told: number;
  journal: Journal;
  clock: Clock;
  options: RuntimeOptions;
  observer: RuntimeObserver;
  /** In commit order. */
  committed(batch: Batch, position: number, startedAt: number): void;
  /** This batch cannot be appended, nor any after it: ownership is gone. */
  lost(batch: Batch, fault: Exclude<JournalFault, 'gone'> | 'cut'): void;
  /** How the batch ended that was in flight when the appender was closed. */
  late(batch: Batch, outcome: Outcome): void;
  /** The journal is full. */
  full(): void;
}

/**
 * Group commit of one shard: events join the open batch; one append is in flight at a time, and whatever
 * arrives meanwhile is the next batch. For each batch whose append began exactly one of `committed`,
 * `lost` and `late` is called; after `lost` and `late` nothing more happens.
 */
export class Appender {
  newest: number;
  /** Number of the newest committed batch. */
  committed = 0;
  /** Bytes that wait, the batch in flight included. */
  waitingBytes = 0;
  /** The journal does not take appends right now: refuse what would make events. */
  stalled = false;
  /** The first of `batches` is being appended: nobody knows yet whether it is kept. */
  inFlight = false;
  /** Batches not yet committed, oldest first; the last one is open while it is not in flight. */
  readonly batches: Batch[] = [];
  /** Resolves when it is closed and nothing is in flight any more. */
  readonly ended: Promise<void>;
  readonly #parts: AppenderParts;
  readonly #told: ToldMark;
  #made = 0;
  #attempts = 0;
  #running = false;
  #closed = false;
  #doubtful = false;
  #end = () => {};
  /** Ends the pause before a repeat. */
  #wake = () => {};

  constructor(parts: AppenderParts) {
    this.#parts = parts;
    this.newest = parts.newest;
    this.#told = new ToldMark(parts.told, parts.options.beaconMs);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** `newest` is surely the shard's newest record, as far as this owner's own appends go. */
  get sure(): boolean {
    return !this.inFlight && !this.#doubtful;
  }

  /** Puts the events of one turn into one batch, so that a crash keeps all of them or none; gives its number. */
  add(events: readonly ActorEvent[]): number {
    const texts = events.map((made) => {
      // Made once, here: its length bounds the batch, and frames and rows hold parts of it.
      made.text = JSON.stringify(made.event);
      return encodeEvent(made.kind, made.id, made.text);
    });
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    let batch = this.#open();
    if (batch.bytes > 0 && batch.bytes + bytes > this.#parts.options.batchBytes) batch = this.#begin();
    batch.events.push(...events);
    batch.texts.push(...texts);
    batch.bytes += bytes;
    this.waitingBytes += bytes;
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

  /** Appends nothing more, and repeats nothing; what waits stays in `batches`. */
  close(): void {
    this.#closed = true;
    this.#wake();
    if (!this.inFlight) this.#end();
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
      const outcome = await this.#append(batch);
      this.inFlight = false;
      if (outcome.kept) this.newest = outcome.position;
      else this.#doubtful = outcome.fault !== 'full';
      if (this.#closed) this.#parts.late(batch, outcome);
      else if (outcome.kept) this.#commit(batch, outcome.position, outcome.startedAt);
      else {
        this.close();
        this.#parts.lost(batch, outcome.fault);
      }
    }
    this.#running = false;
    if (this.#closed) this.#end();
  }

  #commit(batch: Batch, position: number, startedAt: number): void {
    this.stalled = false;
    this.committed = batch.number;
    this.batches.shift();
    this.waitingBytes -= batch.bytes;
    this.#parts.committed(batch, position, startedAt);
  }

  /** Repeats what is in doubt, with the same bytes and message id, and waits a full journal out. */
  async #append(batch: Batch): Promise<Outcome> {
    const { shard, epoch, node, journal, clock, options, observer } = this.#parts;
    const expected = this.newest;
    const told = this.#told.move(expected, clock.monotonic());
    const payload = encodeRecord({ type: 'batch', epoch, previous: expected, node, told }, batch.texts);
    const messageId = `${shard}/${epoch}/${node}/${++this.#attempts}`;
    let doubtedSince: number | undefined;
    for (let pause = options.retryMs; ; pause = Math.min(pause * 2, options.retryMaxMs)) {
      const startedAt = clock.monotonic();
      try {
        const position = await journal.append({ shard, messageId, expected, payload });
        observer.batch(batch.events.length, payload.length, (clock.monotonic() - batch.openedAt) / 1000);
        return { kept: true, position, startedAt: doubtedSince ?? startedAt };
      } catch (error) {
        const fault = error instanceof JournalError ? error.fault : 'in_doubt';
        if (fault === 'failed') return { kept: false, fault };
        if (fault === 'gone') return { kept: false, fault: 'cut' };
        if (fault === 'refused') return { kept: false, fault: await this.#refused(expected) };
        if (fault === 'in_doubt') doubtedSince ??= startedAt;
        else this.#parts.full();
      }
      this.stalled = true;
      // Once in doubt it stays so: a later answer that it is full says nothing about the earlier try.
      const doubted = doubtedSince !== undefined;
      const overdue = doubtedSince !== undefined && clock.monotonic() - doubtedSince >= options.inDoubtMs;
      if (!this.#closed && !overdue) await this.#pause(pause);
      if (this.#closed || overdue) return { kept: false, fault: doubted ? 'in_doubt' : 'full' };
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  async #refused(expected: number): Promise<'refused' | 'cut'> {
    const { shard, journal, observer } = this.#parts;
    observer.refused();
    try {
      const newest = await journal.newest(shard);
      return (newest?.position ?? 0) < expected ? 'cut' : 'refused';
    } catch {
      return 'refused';
    }
  }
}

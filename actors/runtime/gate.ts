import type { Bus } from '../../ops/bus/bus.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { Appender, Batch, Outcome } from './appender.ts';
import type { Fence } from './fence.ts';
import type { FlushItem, FlushQueue } from './flush-queue.ts';
import type { Outgoing } from './kind.ts';
import type { RuntimeObserver } from './observer.ts';
import type { RuntimeOptions } from './options.ts';
import type { ActorEvent, Output } from './output.ts';
import { StandingFrames } from './standing.ts';
import { Unconfirmed } from './unconfirmed.ts';

export interface GateParts {
  appender: Appender;
  queue: FlushQueue;
  fence: Fence;
  bus: Pick<Bus, 'publish'>;
  /** The bus itself, where it may lose frames. */
  lossy: Bus | undefined;
  clock: Clock;
  options: RuntimeOptions;
  observer: RuntimeObserver;
  /** What leaves with an event. */
  frames(event: ActorEvent): readonly Outgoing[];
  /** There is something to flush; `soon`: an answer waits for it. */
  dirty(soon: boolean): void;
}

type Unkept = Outcome & { kept: false };

const moved: Refusal = { code: 'actor_moved' };
/** Committed, and the next owner flushes it; only when is not known here. */
const unstored: Refusal = { code: 'timeout', reason: 'moved' };
/** PostgreSQL refused an event of this actor: what was answered as stored may not be there. */
const buried: Refusal = { code: 'timeout', reason: 'frozen' };
const journalAway: Refusal = { code: 'unavailable', reason: 'journal_away', retry_after_ms: 1000 };

/**
 * The output gate of one shard: nothing that came of a turn leaves before what the turn saw is committed,
 * and each output ends exactly once. Events' own frames leave with their commit.
 */
export class Gate {
  /** Outputs that have not left. */
  readonly #open = new Set<Output>();
  /** Of those: the ones with frames or marks that the journal has not confirmed. */
  readonly #unconfirmed: Unconfirmed;
  /** On a bus that loses nothing there are none. */
  readonly #standing: StandingFrames | undefined;
  readonly #parts: GateParts;
  #closed = false;

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.#unconfirmed = new Unconfirmed({
      ...parts,
      pass: (batch, output) => this.#confirmed(batch, output),
      lost: (output) => this.#refuse(output, moved),
    });
    this.#standing = parts.lossy && new StandingFrames({ ...parts, bus: parts.lossy });
  }

  /** How many outputs have not left. */
  get waiting(): number {
    return this.#open.size;
  }

  /** Waits for the newest batch of the actor, if that is not committed. */
  emit(output: Output): void {
    this.#open.add(output);
    output.activation.open++;
    const batch = output.activation.lastBatch;
    if (!this.#parts.appender.attach(batch, output)) this.#passed(batch, output);
  }

  committed(batch: Batch, position: number): void {
    const { number, events, bytes, openedAt } = batch;
    const item = this.#keep(position, number, events, bytes, openedAt);
    for (const output of batch.outputs) this.#passed(number, output);
    this.#parts.dirty(item.outputs.length + item.frames.length > 0);
  }

  /** An earlier owner committed these events and left them unflushed; it may not have told anybody. */
  replayed(position: number, events: ActorEvent[], bytes: number): void {
    this.#keep(position, 0, events, bytes, this.#parts.clock.monotonic());
    this.#parts.dirty(true);
  }

  /** PostgreSQL has these items: lets out what waited for that. */
  flushed(items: readonly FlushItem[]): void {
    const { clock, observer } = this.#parts;
    for (const item of items) {
      if (item.outputs.length > 0) observer.stored((clock.monotonic() - item.openedAt) / 1000);
      for (const frame of item.frames) this.#publish(frame);
      for (const output of item.outputs)
        if (output.activation.frozen) this.#refuse(output, buried);
        else this.#release(output);
    }
  }

  /** This batch was not kept, or nobody knows; after it comes `close`. */
  lost(batch: Batch, fault: Unkept['fault']): void {
    for (const output of batch.outputs.splice(0)) this.#refuse(output, refusalFor(fault));
  }

  /**
   * Ownership is gone: what no append has begun for was not done. The batch in flight is answered by `late`,
   * when its outcome is known; what waits for the flush by `flushed` or `unflushed`.
   */
  close(refusal: Refusal): void {
    const { appender, queue } = this.#parts;
    this.#closed = true;
    this.#unconfirmed.clear();
    this.#standing?.close();
    const inFlight = appender.inFlight ? (appender.batches[0]?.outputs ?? []) : [];
    const kept = new Set([...inFlight, ...queue.items.flatMap((item) => item.outputs)]);
    for (const output of [...this.#open]) if (!kept.has(output)) this.#refuse(output, refusal);
  }

  /** The queue was given up with these. */
  unflushed(items: readonly FlushItem[]): void {
    for (const output of items.flatMap((item) => item.outputs)) this.#refuse(output, unstored);
  }

  /** How the batch in flight ended, after ownership had gone. Its frames and its flush are the next owner's. */
  late(batch: Batch, outcome: Outcome): void {
    for (const output of batch.outputs.splice(0)) {
      const read = output.readAt !== undefined;
      if (!outcome.kept) this.#refuse(output, refusalFor(outcome.fault));
      else if (read || output.stored) this.#refuse(output, read ? moved : unstored);
      else this.#end(output, () => output.entry.settle(output.result));
    }
  }

  /** Committed: frames leave now, before the flush, so that a crash after it can have lost none. */
  #keep(position: number, batch: number, events: ActorEvent[], bytes: number, openedAt: number): FlushItem {
    const committedAt = this.#parts.clock.monotonic();
    const item: FlushItem = {
      position,
      batch,
      events,
      bytes,
      openedAt,
      committedAt,
      outputs: [],
      frames: [],
    };
    this.#parts.queue.push(item);
    for (const event of events)
      for (const frame of this.#parts.frames(event)) {
        if (frame.after === 'flushed' || (frame.lastWord && this.#overtakes(frame))) item.frames.push(frame);
        if (frame.after !== 'flushed') this.#publish(frame);
      }
    return item;
  }

  /** An earlier frame of the same chat to this subject waits for the flush. */
  #overtakes({ subject, envelope: { chat } }: Outgoing): boolean {
    return this.#parts.queue.items.some(({ frames }) =>
      frames.some((earlier) => earlier.subject === subject && earlier.envelope.chat?.id === chat?.id),
    );
  }

  /**
   * The batch is committed; a read needs a fresh confirmation as well. Where that is fresh for a turn, it is for
   * every turn before: those of this actor that still wait leave first. Where the journal is away a mere read is
   * refused at once; frames and marks would be lost with it, so they wait.
   */
  #passed(batch: number, output: Output): void {
    const { readAt, frames, marks } = output;
    if (readAt === undefined || this.#parts.fence.fresh(readAt)) {
      if (this.#unconfirmed.size > 0) this.#unconfirmed.letGo(output.activation);
      this.#confirmed(batch, output);
    } else if (frames.length + marks.length === 0) void this.#confirm(batch, output, readAt);
    else this.#unconfirmed.add(batch, output, readAt);
  }

  async #confirm(batch: number, output: Output, readAt: number): Promise<void> {
    const answer = await this.#parts.fence.confirm(readAt);
    if (this.#closed || answer === 'lost') this.#refuse(output, moved);
    else if (answer === 'own') this.#passed(batch, output);
    else this.#refuse(output, journalAway);
  }

  /** A stored answer needs its flush as well. */
  #confirmed(batch: number, output: Output): void {
    if (output.stored && this.#parts.queue.attach(batch, output)) this.#parts.dirty(true);
    else this.#release(output);
  }

  #release(output: Output): void {
    this.#end(output, () => {
      for (const frame of output.frames) this.#publish(frame);
      for (const mark of output.marks) this.#parts.queue.mark(mark);
      if (output.marks.length > 0) this.#parts.dirty(false);
      output.entry.settle(output.result);
    });
  }

  #refuse(output: Output, refusal: Refusal): void {
    this.#end(output, () => output.entry.refuse(refusal));
  }

  /** Each output ends once, whatever finds it first. */
  #end(output: Output, how: () => void): void {
    if (!this.#open.delete(output)) return;
    how();
    output.activation.open--;
  }

  #publish({ subject, envelope, standing }: Outgoing): void {
    this.#parts.bus.publish(subject, envelope);
    if (standing) this.#standing?.remember(subject, envelope);
  }
}

/** What an append's end means for those who waited for it. */
function refusalFor(fault: Unkept['fault']): Refusal {
  switch (fault) {
    case 'refused':
    case 'full':
      return moved;
    case 'cut':
      return { code: 'unavailable', reason: 'quarantined' };
    case 'in_doubt':
    case 'failed':
      return { code: 'timeout', reason: 'journal' };
  }
}

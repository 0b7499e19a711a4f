import type { Bus } from '../../ops/bus/bus.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { Journal } from '../journal/journal.ts';
import { Activation, type ActivationParts, type Entry } from './activation.ts';
import { Appender, type Batch } from './appender.ts';
import type { FlushItem } from './flush-queue.ts';
import { FlushQueue } from './flush-queue.ts';
import type { AnyKind, Decision, Outgoing } from './kind.ts';
import type { RuntimeObserver } from './observer.ts';
import type { RuntimeOptions } from './options.ts';
import { type ActorEvent, actorKey, type Output } from './output.ts';
import { decodeRecord } from './record.ts';

export interface ShardParts {
  node: string;
  journal: Journal;
  kinds: ReadonlyMap<string, AnyKind>;
  bus: Bus;
  clock: Clock;
  options: RuntimeOptions;
  observer: RuntimeObserver;
  /** A refusal when a flush-gated command cannot be taken now. */
  flushRefusal(): Refusal | undefined;
  /** A refusal when the node holds too much that is unflushed. */
  roomRefusal(): Refusal | undefined;
  /** There is something to flush; `soon`: an answer waits for it. */
  dirty(shard: OwnedShard, soon: boolean): void;
  /** Makes room for one more activation; false when nothing can leave. */
  room(): boolean;
  lost(shard: OwnedShard, reason: string): void;
  /** An error that is no refusal: for the log. */
  fault(message: string, error: unknown): void;
}

/** Where the claim and the replay left the shard. */
export interface Ownership {
  epoch: number;
  /** Position of one's own claim, the newest record. */
  newest: number;
  /** Position that the checkpoint row has. */
  checkpoint: number;
  frozen: readonly string[];
  /** Monotonic time at which the claim was confirmed to be the newest record. */
  confirmedAt: number;
}

/**
 * One shard that this node owns: its activations, its appender, its gate, and what waits to be flushed.
 * It serves until it is released or lost; a lost shard is thrown away with everything in it.
 */
export class OwnedShard {
  readonly number: number;
  readonly epoch: number;
  readonly activations = new Map<string, Activation>();
  readonly queue = new FlushQueue();
  readonly appender: Appender;
  readonly frozen: Set<string>;
  /** Position that the checkpoint row has, as far as this node knows. */
  checkpoint: number;
  /** Takes no more commands: it is being released, or lost. */
  closed = false;
  readonly #parts: ShardParts;
  readonly #activationParts: ActivationParts;
  #confirmedAt: number;
  #confirming: Promise<boolean> | undefined;

  constructor(number: number, ownership: Ownership, parts: ShardParts) {
    const { journal, clock, options, observer, node } = parts;
    this.number = number;
    this.epoch = ownership.epoch;
    this.checkpoint = ownership.checkpoint;
    this.frozen = new Set(ownership.frozen);
    this.#confirmedAt = ownership.confirmedAt;
    this.#parts = parts;
    this.appender = new Appender({
      shard: number,
      epoch: ownership.epoch,
      node,
      newest: ownership.newest,
      journal,
      clock,
      options,
      observer,
      committed: (batch, position, startedAt) => this.#committed(batch, position, startedAt),
      lost: (batch, refusal, reason) => this.#appendLost(batch, refusal, reason),
    });
    this.#activationParts = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      queueLimit: options.actorQueue,
      decided: (activation, entry, decision) => this.#decided(activation, entry, decision),
      refuses: (gate) => this.#refuses(gate),
      broken: (activation, error) => {
        parts.fault(`evolve failed in ${activation.key}`, error);
        this.remove(activation, { code: 'unavailable', reason: 'restarting' });
      },
    };
  }

  /** A command to one actor; activates it when it is not in memory. */
  submit(kind: AnyKind, id: string, entry: Entry): void {
    const key = actorKey(kind.name, id);
    let activation = this.activations.get(key);
    if (activation === undefined) {
      if (!this.#parts.room()) {
        entry.settle({ refusal: { code: 'unavailable', reason: 'too_many_actors', retry_after_ms: 1000 } });
        return;
      }
      activation = this.#activate(kind, id, key);
    }
    activation.submit(entry);
  }

  /** Is the actor neither in memory nor behind in PostgreSQL? Then SQL, read after this answer, is the truth. */
  async cold(key: string): Promise<boolean> {
    if (this.activations.has(key)) return false;
    this.#parts.dirty(this, this.queue.pending(key));
    await this.queue.flushed(key);
    return (await this.confirm(this.#parts.clock.monotonic())) && !this.activations.has(key);
  }

  /** Was the shard surely one's own at some time in the `fenceMs` before this one? */
  #fresh(at: number): boolean {
    return at - this.#confirmedAt < this.#parts.options.fenceMs;
  }

  /**
   * Makes sure of that by the journal's word, with one check for all who wait. A check that began too
   * long before `at` says nothing about it, so there may be another.
   */
  async confirm(at: number): Promise<boolean> {
    while (!this.closed && !this.#fresh(at)) {
      this.#confirming ??= this.#askJournal().finally(() => {
        this.#confirming = undefined;
      });
      if (!(await this.#confirming)) return false;
    }
    return !this.closed;
  }

  async #askJournal(): Promise<boolean> {
    const startedAt = this.#parts.clock.monotonic();
    const record = await this.#parts.journal.newest(this.number).catch(() => undefined);
    if (this.closed || record === undefined) return false;
    const { epoch, node } = decodeRecord(record.payload);
    if (epoch !== this.epoch || node !== this.#parts.node) {
      this.lose({ code: 'timeout', reason: 'fenced' }, 'another node claimed it');
      return false;
    }
    this.#confirmedAt = Math.max(this.#confirmedAt, startedAt);
    return true;
  }

  /** Takes an activation out of memory; what waits in it gets the refusal. */
  remove(activation: Activation, refusal: Refusal): void {
    if (this.activations.get(activation.key) === activation) this.activations.delete(activation.key);
    activation.leave(refusal);
  }

  /** May this activation leave memory? Only when PostgreSQL has everything of it and nothing is open. */
  mayLeave(activation: Activation): boolean {
    return (
      activation.lastBatch <= this.appender.committed &&
      !this.queue.pending(activation.key) &&
      activation.idle
    );
  }

  /**
   * Ownership is gone: everything in memory is thrown away. The batch in flight is of unknown outcome;
   * what had not begun was not done; what is committed but unflushed is the next owner's.
   */
  lose(inFlight: Refusal, reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.appender.close();
    const outputs = this.appender.batches.flatMap((batch, index) => {
      const refusal: Refusal = index === 0 && this.appender.inFlight ? inFlight : { code: 'actor_moved' };
      return batch.outputs.map((output) => ({ output, refusal }));
    });
    for (const { output, refusal } of outputs) output.settle({ refusal });
    for (const item of this.queue.items)
      for (const output of item.outputs) output.settle({ refusal: { code: 'timeout', reason: 'moved' } });
    for (const activation of this.activations.values()) activation.leave({ code: 'actor_moved' });
    this.activations.clear();
    this.#parts.lost(this, reason);
  }

  /** Lets out what waited for the flush of these items. */
  flushed(items: readonly FlushItem[]): void {
    const byActor = new Map<string, unknown[]>();
    for (const { kind, id, event } of items.flatMap((item) => item.events)) {
      const key = actorKey(kind, id);
      const events = byActor.get(key);
      if (events) events.push(event);
      else byActor.set(key, [event]);
    }
    for (const [key, events] of byActor) this.activations.get(key)?.flushed(events);
    for (const item of items) {
      this.#publish(item.frames);
      for (const output of item.outputs) this.#release(output);
    }
  }

  #activate(kind: AnyKind, id: string, key: string): Activation {
    const activation = new Activation(kind, id, this.#activationParts);
    activation.frozen = this.frozen.has(key);
    this.activations.set(key, activation);
    this.#load(activation).catch((error) => {
      this.#parts.fault(`loading ${key} failed`, error);
      this.remove(activation, { code: 'unavailable', reason: 'not_loaded', retry_after_ms: 500 });
    });
    return activation;
  }

  async #load(activation: Activation): Promise<void> {
    if (this.queue.pending(activation.key)) {
      this.#parts.dirty(this, true);
      await this.queue.flushed(activation.key);
    }
    const state = await activation.kind.load(activation.id);
    if (!this.closed) activation.activate(state);
  }

  #refuses(gate: 'journaled' | 'stored'): Refusal | undefined {
    const { options, roomRefusal, flushRefusal } = this.#parts;
    if (this.appender.stalled) return { code: 'unavailable', reason: 'journal_away', retry_after_ms: 1000 };
    if (this.appender.waitingBytes > options.shardQueueBytes)
      return { code: 'unavailable', reason: 'overloaded', retry_after_ms: 500 };
    return roomRefusal() ?? (gate === 'stored' ? flushRefusal() : undefined);
  }

  #decided(activation: Activation, entry: Entry, decision: Decision<unknown, unknown>): void {
    const { kind, id } = activation;
    const now = this.#parts.clock.monotonic();
    if ('refuse' in decision) {
      const result = { refusal: decision.refuse };
      this.#emit(activation, {
        result,
        settle: entry.settle,
        stored: false,
        readAt: now,
        frames: [],
        marks: [],
      });
      return;
    }
    const made = kind.journaled ? (decision.events ?? []) : [];
    const events: ActorEvent[] = made.map((event) => ({ kind: kind.name, id, event }));
    if (events.length > 0) activation.lastBatch = this.appender.add(events);
    const marks = (decision.marks ?? []).map((mark) => {
      return { kind: kind.name, id, key: `${activation.key}/${kind.markKey(mark)}`, mark };
    });
    if (decision.wake_at !== undefined) this.#wakeAt(activation, decision.wake_at);
    this.#emit(activation, {
      result: { reply: decision.reply },
      settle: entry.settle,
      stored: decision.gate === 'stored',
      readAt: events.length > 0 ? undefined : now,
      frames: decision.frames ?? [],
      marks,
    });
  }

  /** The gate: waits for the newest batch of the actor, if that is not committed. */
  #emit(activation: Activation, output: Output): void {
    if (!this.appender.attach(activation.lastBatch, output)) this.#passed(activation.lastBatch, output);
  }

  /** The batch is committed; a read needs a fresh confirmation, a stored answer its flush as well. */
  #passed(batch: number, output: Output): void {
    if (output.readAt !== undefined && !this.#fresh(output.readAt)) {
      void this.confirm(output.readAt).then((own) => {
        if (own) this.#passed(batch, output);
        else output.settle({ refusal: { code: 'actor_moved' } });
      });
    } else if (output.stored && this.queue.attach(batch, output)) this.#parts.dirty(this, true);
    else this.#release(output);
  }

  #release(output: Output): void {
    this.#publish(output.frames);
    for (const mark of output.marks) this.queue.mark(mark);
    if (output.marks.length > 0) this.#parts.dirty(this, false);
    output.settle(output.result);
  }

  #committed(batch: Batch, position: number, startedAt: number): void {
    this.#confirmedAt = Math.max(this.#confirmedAt, startedAt);
    const item: FlushItem = {
      position,
      batch: batch.number,
      events: batch.events,
      bytes: batch.bytes,
      committedAt: this.#parts.clock.monotonic(),
      outputs: [],
      frames: [],
    };
    this.queue.push(item);
    for (const { kind, id, event } of batch.events)
      for (const frame of this.#parts.kinds.get(kind)?.frames(id, event) ?? []) {
        if (frame.after === 'flushed') item.frames.push(frame);
        else this.#parts.bus.publish(frame.subject, frame.envelope);
      }
    for (const output of batch.outputs) this.#passed(batch.number, output);
    this.#parts.dirty(this, item.outputs.length + item.frames.length > 0);
  }

  #appendLost(batch: Batch, refusal: Refusal, reason: string): void {
    for (const output of batch.outputs) output.settle({ refusal });
    batch.outputs.length = 0;
    this.lose(refusal, reason);
  }

  #wakeAt(activation: Activation, at: number): void {
    const { clock } = this.#parts;
    activation.cancelWake?.();
    activation.cancelWake = clock.after(Math.max(0, at - clock.now()), () => {
      if (activation.phase !== 'active') return;
      activation.submit({ command: { type: 'wake' }, expiresAt: Number.POSITIVE_INFINITY, settle: () => {} });
    });
  }

  #publish(frames: readonly Outgoing[]): void {
    for (const frame of frames) this.#parts.bus.publish(frame.subject, frame.envelope);
  }
}

import type { Refusal } from '../../schemas/errors.ts';
import type { Journal } from '../journal/journal.ts';
import { Activation, type ActivationParts } from './activation.ts';
import { Appender } from './appender.ts';
import { Entry } from './entry.ts';
import { type Confirmation, Fence } from './fence.ts';
import { FlushQueue, type FlushTake } from './flush-queue.ts';
import { Gate } from './gate.ts';
import type { AnyKind, Decision, Outgoing } from './kind.ts';
import { type ActorEvent, actorKey } from './output.ts';
import type { ShardRecord } from './record.ts';
import type { Ownership, ShardParts } from './shard-parts.ts';

/** Most turns have no marks and no frames of their own: the same nothing for all of them. */
const none: readonly never[] = [];
/** A wake-up that found no room is tried again after this. */
const wakeAgainMs = 1000;

/**
 * One shard that this node owns: its activations, its appender, its gate, and what waits to be flushed.
 * It serves until it is released or lost; a lost shard is thrown away with everything in it.
 */
export class OwnedShard {
  readonly number: number;
  readonly epoch: number;
  /** Before this monotonic time it may neither serve nor say that it was released. */
  readonly aloneAt: number;
  /** In which it was claimed. The node may use another one by now. */
  readonly journal: Journal;
  readonly activations = new Map<string, Activation>();
  readonly queue: FlushQueue;
  readonly appender: Appender;
  readonly frozen: Set<string>;
  /** Position that the checkpoint row has, as far as this node knows. */
  checkpoint: number;
  /** Takes no more commands: it is lost, or let go. */
  closed = false;
  readonly #parts: ShardParts;
  readonly #activationParts: ActivationParts;
  readonly #fence: Fence;
  readonly #gate: Gate;

  constructor(number: number, ownership: Ownership, parts: ShardParts) {
    const { epoch, newest, checkpoint, told, frozen, confirmedAt } = ownership;
    this.number = number;
    this.epoch = epoch;
    this.aloneAt = ownership.aloneAt;
    this.journal = parts.journal;
    this.checkpoint = checkpoint;
    this.frozen = new Set(frozen);
    this.queue = new FlushQueue(parts.held);
    this.#parts = parts;
    this.appender = new Appender({
      ...parts,
      shard: number,
      epoch,
      newest,
      told,
      committed: (batch, position, startedAt) => {
        this.#fence.confirmed(startedAt);
        this.#gate.committed(batch, position);
      },
      lost: (batch, fault) => {
        if (fault === 'failed') parts.journalFailed();
        this.#gate.lost(batch, fault);
        if (fault === 'cut') this.cut();
        else this.lose(`an append ended: ${fault}`);
      },
      late: (batch, outcome) => this.#gate.late(batch, outcome),
      full: () => parts.journalFull(),
    });
    this.#fence = new Fence({
      ...parts,
      shard: number,
      epoch,
      confirmedAt,
      fenceMs: parts.options.fenceMs,
      newest: () => this.appender.newest,
      fenced: () => this.lose('another node claimed it'),
      cut: () => this.cut(),
    });
    this.#gate = new Gate({
      ...parts,
      appender: this.appender,
      queue: this.queue,
      fence: this.#fence,
      frames: (event) => this.#frames(event),
      dirty: (soon) => parts.dirty(this, soon),
    });
    this.#activationParts = this.#partsOfActivations();
  }

  /** A command to one actor; activates it when it is not in memory. */
  submit(kind: AnyKind, id: string, entry: Entry): void {
    const key = actorKey(kind.name, id);
    const found = this.activations.get(key);
    if (this.closed) entry.refuse({ code: 'actor_moved' });
    else if (found === undefined && !this.#parts.room())
      entry.refuse({ code: 'unavailable', reason: 'too_many_actors', retry_after_ms: 1000 });
    else {
      const activation = found ?? this.#activate(kind, id, key);
      this.#parts.used(this, activation);
      activation.submit(entry);
    }
  }

  /**
   * `cold`: the actor is neither in memory nor behind in PostgreSQL, so that SQL, read after this answer,
   * is the truth.
   */
  async look(key: string): Promise<'hot' | 'cold' | Refusal> {
    if (this.activations.has(key)) return 'hot';
    if (this.queue.pending(key)) {
      this.#parts.dirty(this, true);
      await this.queue.flushed(key);
    }
    const answer = await this.#fence.confirm(this.#parts.clock.monotonic());
    if (this.closed || answer === 'lost') return { code: 'actor_moved' };
    if (answer === 'unknown') return { code: 'unavailable', reason: 'journal_away', retry_after_ms: 1000 };
    return this.activations.has(key) ? 'hot' : 'cold';
  }

  /** Is the newest record still one's own? Where the journal has lost it, this loses the shard. */
  confirm(): Promise<Confirmation> {
    return this.#fence.check();
  }

  /** Takes over what an earlier owner committed and left unflushed. */
  replay(position: number, { events: listed }: ShardRecord): void {
    const events = listed.map(([kind, id, event]) => ({ kind, id, actor: actorKey(kind, id), event }));
    for (const { actor } of events) this.queue.coming(actor, 1);
    this.#gate.replayed(position, events, Buffer.byteLength(JSON.stringify(listed)));
  }

  /** Takes an activation out of memory; what waits in it gets the refusal. */
  remove(activation: Activation, refusal: Refusal): void {
    if (this.activations.get(activation.key) === activation) this.activations.delete(activation.key);
    this.#parts.left(activation);
    activation.leave(refusal);
  }

  /** May this activation leave memory? Only when PostgreSQL has everything of it and nothing is open. */
  mayLeave(activation: Activation): boolean {
    return !this.queue.pending(activation.key) && activation.idle;
  }

  /**
   * Ownership is gone, or let go: everything in memory is thrown away. What is committed and unflushed is
   * the next owner's.
   */
  lose(reason: string): void {
    if (this.queue.closed) return;
    if (!this.closed) this.#close({ code: 'actor_moved' });
    this.#gate.unflushed(this.queue.close());
    this.#parts.lost(this, { reason, quarantined: false });
  }

  /** A flush has committed: lets out what waited for it. */
  flushed(take: FlushTake): void {
    this.checkpoint = take.items.at(-1)?.position ?? this.checkpoint;
    this.queue.done(take);
    const byActor = new Map<string, unknown[]>();
    for (const { actor, event } of take.items.flatMap((item) => item.events)) {
      const events = byActor.get(actor);
      if (events) events.push(event);
      else byActor.set(actor, [event]);
    }
    for (const [actor, events] of byActor) this.activations.get(actor)?.flushed(events);
    this.#gate.flushed(take.items);
  }

  /** The actor waits for an operator: PostgreSQL lacks an event of it. */
  freeze(actor: string): void {
    this.frozen.add(actor);
    const activation = this.activations.get(actor);
    if (activation !== undefined) activation.frozen = true;
  }

  /** The journal lost records that memory still has: they are flushed, and an operator decides. */
  cut(): void {
    if (this.closed) return;
    this.#close({ code: 'unavailable', reason: 'quarantined' });
    this.#parts.lost(this, { reason: 'the journal ends before its own records', quarantined: true });
  }

  /** What leaves with an event; a kind that fails here must not stop the others. */
  #frames({ kind, id, event, text }: ActorEvent): Outgoing[] {
    try {
      return this.#parts.kinds.get(kind)?.frames(id, event, text) ?? [];
    } catch (error) {
      this.#parts.fault(`frames of an event of ${kind}/${id} failed`, error);
      return [];
    }
  }

  #close(refusal: Refusal): void {
    this.closed = true;
    this.appender.close();
    this.#fence.close();
    this.#gate.close(refusal);
    for (const activation of this.activations.values()) {
      this.#parts.left(activation);
      activation.leave(refusal);
    }
    this.activations.clear();
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
    const { clock, observer } = this.#parts;
    if (this.queue.pending(activation.key)) {
      this.#parts.dirty(this, true);
      await this.queue.flushed(activation.key);
    }
    if (this.closed) return;
    const startedAt = clock.monotonic();
    const state = await activation.kind.load(activation.id);
    await this.#parts.checkpointLook();
    if (this.closed) return;
    observer.loaded(activation.kind.name, (clock.monotonic() - startedAt) / 1000);
    activation.activate(state);
  }

  #partsOfActivations(): ActivationParts {
    const { clock, options, fault, checkpointLook } = this.#parts;
    return {
      checkpointLook,
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      queueLimit: options.actorQueue,
      full: () =>
        this.#gate.waiting < options.shardQueue
          ? undefined
          : { code: 'unavailable', reason: 'overloaded', retry_after_ms: 500 },
      refuses: (gate) => this.#refuses(gate),
      decided: (activation, entry, decision) => this.#decided(activation, entry, decision),
      fault: (activation, error) => fault(`a turn of ${activation.key} failed`, error),
      broken: (activation, error) => {
        fault(`the state of ${activation.key} is broken`, error);
        this.remove(activation, { code: 'unavailable', reason: 'restarting' });
      },
    };
  }

  #refuses(gate: 'journaled' | 'stored'): Refusal | undefined {
    const { options, refuses } = this.#parts;
    if (this.appender.stalled) return { code: 'unavailable', reason: 'journal_away', retry_after_ms: 1000 };
    if (this.appender.waitingBytes > options.shardQueueBytes)
      return { code: 'unavailable', reason: 'overloaded', retry_after_ms: 500 };
    return refuses(this, gate);
  }

  #decided(activation: Activation, entry: Entry, decision: Decision<unknown, unknown>): void {
    const { kind, id, key: actor } = activation;
    const readAt = this.#parts.clock.monotonic();
    if ('refuse' in decision) {
      const result = { refusal: decision.refuse };
      this.#gate.emit({ activation, entry, result, stored: false, readAt, frames: none, marks: none });
      return;
    }
    const { reply, events = none, marks = none, frames = none, gate, wake_at } = decision;
    const named = some(marks, (mark) => {
      return { kind: kind.name, id, actor, key: `${actor}/${kind.markKey(mark)}`, mark };
    });
    const made = kind.journaled ? some(events, (event) => ({ kind: kind.name, id, actor, event })) : none;
    if (made.length > 0) {
      activation.lastBatch = this.appender.add(made);
      this.queue.coming(actor, made.length);
    }
    if (wake_at !== undefined) this.#wakeAt(activation, wake_at);
    const batch = activation.lastBatch;
    this.#gate.emit({
      activation,
      entry,
      result: { reply },
      stored: gate === 'stored',
      readAt: made.length > 0 ? undefined : readAt,
      frames,
      marks: some(named, (mark) => ({ ...mark, batch })),
    });
  }

  #wakeAt(activation: Activation, at: number): void {
    const { clock } = this.#parts;
    activation.cancelWake?.();
    activation.cancelWake = clock.after(Math.max(0, at - clock.now()), () => {
      const again = (refused: boolean) => refused && this.#wakeAt(activation, clock.now() + wakeAgainMs);
      const woken = new Entry({ type: 'wake' }, Number.POSITIVE_INFINITY, (result) =>
        again('refusal' in result && result.refusal.code === 'unavailable'),
      );
      activation.submit(woken);
    });
  }
}

function some<Item, Made>(items: readonly Item[], make: (item: Item) => Made): readonly Made[] {
  return items.length === 0 ? none : items.map(make);
}

import type { Refusal } from '../../schemas/errors.ts';
import { refusalOf } from '../../schemas/errors.ts';
import type { Result } from '../client/ask.ts';
import type { AnyKind, Decision } from './kind.ts';
import { actorKey } from './output.ts';

/** One command in an actor, and where its result goes. */
export interface Entry {
  command: object;
  /** Monotonic time after which nobody waits for the result. */
  expiresAt: number;
  settle(result: Result): void;
}

/** What an activation needs of its shard. */
export interface ActivationParts {
  now(): number;
  monotonic(): number;
  queueLimit: number;
  /** A turn was taken: `events` are already part of the state. */
  decided(activation: Activation, entry: Entry, decision: Decision<unknown, unknown>): void;
  /** Would events of this gate be taken now? A refusal if not. */
  refuses(gate: 'journaled' | 'stored'): Refusal | undefined;
  /** `evolve` threw: the state cannot be trusted. */
  broken(activation: Activation, error: unknown): void;
}

interface Parked {
  entry: Entry;
  keys: readonly string[];
  /** Rows are being read for it. */
  reading: boolean;
  rounds: number;
}

/** A command may ask for rows so many times before its turn. */
const mostRounds = 4;

/**
 * One actor in memory: `loading → active → gone`. Commands are taken in the order they came; one that
 * needs rows waits for them, and only commands that share a key with it wait behind it.
 */
export class Activation {
  readonly key: string;
  readonly kind: AnyKind;
  readonly id: string;
  phase: 'loading' | 'active' | 'gone' = 'loading';
  /** Number of the newest batch that holds an event of this actor. */
  lastBatch = 0;
  lastUsed: number;
  /** Waits for an operator: takes no commands. */
  frozen = false;
  /** Cancels the wake-up that the state asked for. */
  cancelWake: (() => void) | undefined;
  readonly #parts: ActivationParts;
  #state: unknown;
  #queue: Entry[] = [];
  #parked: Parked[] = [];

  constructor(kind: AnyKind, id: string, parts: ActivationParts) {
    this.kind = kind;
    this.id = id;
    this.key = actorKey(kind.name, id);
    this.#parts = parts;
    this.lastUsed = parts.monotonic();
  }

  /** Commands that have not had their turn. */
  get waiting(): number {
    return this.#queue.length + this.#parked.length;
  }

  submit(entry: Entry): void {
    this.lastUsed = this.#parts.monotonic();
    if (this.frozen) refuse(entry, { code: 'unavailable', reason: 'frozen' });
    else if (this.waiting >= this.#parts.queueLimit)
      refuse(entry, { code: 'unavailable', reason: 'overloaded', retry_after_ms: 500 });
    else if (this.phase === 'loading') this.#queue.push(entry);
    else if (this.phase === 'gone') refuse(entry, { code: 'actor_moved' });
    else this.#take(entry);
  }

  /** The state has been read: the waiting commands have their turns. */
  activate(state: unknown): void {
    if (this.phase !== 'loading') return;
    this.#state = state;
    this.phase = 'active';
    const queue = this.#queue;
    this.#queue = [];
    for (const entry of queue) this.#take(entry);
  }

  /** Out of memory; every waiting command gets this refusal: none of them was done. */
  leave(refusal: Refusal): void {
    this.phase = 'gone';
    this.cancelWake?.();
    const waiting = [...this.#queue, ...this.#parked.map((parked) => parked.entry)];
    this.#queue = [];
    this.#parked = [];
    for (const entry of waiting) refuse(entry, refusal);
  }

  /** PostgreSQL has these events. */
  flushed(events: readonly unknown[]): void {
    if (this.phase === 'active') this.kind.flushed(this.#state, events);
  }

  get idle(): boolean {
    return this.phase === 'active' && this.waiting === 0 && this.kind.idle(this.#state);
  }

  #take(entry: Entry): void {
    const first = this.#parked.length === 0 ? undefined : this.kind.keys(entry.command);
    if (first !== undefined && this.#parked.some((parked) => shares(parked.keys, first)))
      this.#parked.push({ entry, keys: first, reading: false, rounds: 0 });
    else this.#proceed({ entry, keys: first ?? [], reading: false, rounds: 0 });
  }

  /** A turn, or a wait for rows: true when it had its turn. */
  #proceed(parked: Parked): boolean {
    const { entry } = parked;
    if (this.#parts.monotonic() >= entry.expiresAt) {
      refuse(entry, { code: 'unavailable', reason: 'expired' });
      return true;
    }
    const need =
      parked.rounds < mostRounds ? this.kind.needs(this.#state, entry.command, this.#parts.now()) : undefined;
    if (need === undefined) {
      this.#turn(entry);
      return true;
    }
    parked.keys = this.kind.keys(entry.command);
    parked.reading = true;
    parked.rounds++;
    if (!this.#parked.includes(parked)) this.#parked.push(parked);
    need().then(
      (put) => this.#read(parked, () => put(this.#state)),
      (error) => this.#read(parked, () => this.#unread(parked, error)),
    );
    return false;
  }

  #read(parked: Parked, put: () => void): void {
    if (this.phase !== 'active') return;
    parked.reading = false;
    try {
      put();
    } catch (error) {
      this.#unread(parked, error);
    }
    this.#resume();
  }

  #unread(parked: Parked, error: unknown): void {
    this.#parked.splice(this.#parked.indexOf(parked), 1);
    const refusal = refusalOf(error);
    refuse(parked.entry, refusal.code === 'internal' ? { code: 'unavailable', reason: 'unread' } : refusal);
  }

  #resume(): void {
    const held = new Set<string>();
    for (const parked of [...this.#parked]) {
      const free = !parked.reading && !parked.keys.some((key) => held.has(key));
      if (free && this.#proceed(parked)) this.#parked.splice(this.#parked.indexOf(parked), 1);
      else for (const key of parked.keys) held.add(key);
      if (this.phase !== 'active') return;
    }
  }

  #turn(entry: Entry): void {
    let decision: Decision<unknown, unknown>;
    try {
      decision = this.kind.decide(this.#state, entry.command, this.#parts.now());
    } catch (error) {
      refuse(entry, refusalOf(error));
      return;
    }
    if (!('refuse' in decision) && decision.events !== undefined && decision.events.length > 0) {
      // Deciding changed nothing yet: a refusal here is one before the turn.
      const refusal = this.kind.journaled ? this.#parts.refuses(decision.gate ?? 'journaled') : undefined;
      if (refusal !== undefined) {
        refuse(entry, refusal);
        return;
      }
      try {
        for (const event of decision.events) this.#state = this.kind.evolve(this.#state, event);
      } catch (error) {
        refuse(entry, { code: 'internal' });
        this.#parts.broken(this, error);
        return;
      }
    }
    this.#parts.decided(this, entry, decision);
  }
}

export function refuse(entry: Entry, refusal: Refusal): void {
  entry.settle({ refusal });
}

function shares(one: readonly string[], other: readonly string[]): boolean {
  return one.some((key) => other.includes(key));
}

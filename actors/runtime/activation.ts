import type { Refusal } from '../../schemas/errors.ts';
import { refusalOf } from '../../schemas/errors.ts';
import type { Entry } from './entry.ts';
import type { AnyKind, Decision } from './kind.ts';
import { actorKey } from './output.ts';

/** What an activation needs of its shard. */
export interface ActivationParts {
  now(): number;
  monotonic(): number;
  queueLimit: number;
  /** A turn was taken: `events` are already part of the state. */
  decided(activation: Activation, entry: Entry, decision: Decision<unknown, unknown>): void;
  /** A refusal if no turn at all may be taken now. */
  full(): Refusal | undefined;
  /** Would events of this gate be taken now? A refusal if not. */
  refuses(gate: 'journaled' | 'stored'): Refusal | undefined;
  /** Makes sure that PostgreSQL has not gone back, and with it what was just read: such a shard is lost. */
  checkpointLook(): Promise<void>;
  /** The state cannot be trusted any more: the activation must leave. */
  broken(activation: Activation, error: unknown): void;
  /** A bug of the kind that changed nothing. */
  fault(activation: Activation, error: unknown): void;
}

interface Parked {
  entry: Entry;
  keys: readonly string[];
  /** Rows are being read for it. */
  reading: boolean;
  rounds: number;
}

const nobody: readonly Parked[] = [];
/** A command may ask for rows so many times before its turn. */
const mostRounds = 4;

/**
 * One actor in memory: `loading → active → gone`. Commands are taken in the order they came; one that
 * needs rows waits for them, and only commands that share a key with it wait behind it. Whatever leaves
 * in a turn may bring the next command before the turn has returned: it waits for its own.
 */
export class Activation {
  readonly key: string;
  readonly kind: AnyKind;
  readonly id: string;
  phase: 'loading' | 'active' | 'gone' = 'loading';
  /** Number of the newest batch that holds an event of this actor. */
  lastBatch = 0;
  /** Outputs of its turns that have not left. */
  open = 0;
  /** Monotonic times: of the last command, and when it was last put at the end of the node's list. */
  lastUsed: number;
  listedAt = Number.NEGATIVE_INFINITY;
  /** Waits for an operator: takes no commands. */
  frozen = false;
  /** Cancels the wake-up that the state asked for. */
  cancelWake: (() => void) | undefined;
  readonly #parts: ActivationParts;
  #state: unknown;
  #queue: Entry[] = [];
  /** In the order they came; made when there is one. */
  #parked: Set<Parked> | undefined;

  constructor(kind: AnyKind, id: string, parts: ActivationParts) {
    this.kind = kind;
    this.id = id;
    this.key = actorKey(kind.name, id);
    this.#parts = parts;
    this.lastUsed = parts.monotonic();
  }

  /** Commands that have not had their turn. */
  get waiting(): number {
    return this.#queue.length + (this.#parked?.size ?? 0);
  }

  submit(entry: Entry): void {
    this.lastUsed = this.#parts.monotonic();
    if (this.phase === 'gone') entry.refuse({ code: 'actor_moved' });
    else if (!this.#hasRoom())
      entry.refuse({ code: 'unavailable', reason: 'overloaded', retry_after_ms: 500 });
    else if (this.phase === 'loading') this.#queue.push(entry);
    else this.#take(entry);
  }

  /** The state has been read: the waiting commands have their turns. */
  activate(state: unknown): void {
    if (this.phase !== 'loading') return;
    this.#state = state;
    // Who comes meanwhile still waits behind these.
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#take(next);
    if (!this.#gone) this.phase = 'active';
  }

  /** Out of memory; every waiting command gets this refusal: none of them was done. */
  leave(refusal: Refusal): void {
    this.phase = 'gone';
    this.cancelWake?.();
    const waiting = [...this.#queue, ...[...(this.#parked ?? [])].map((parked) => parked.entry)];
    this.#queue = [];
    this.#parked?.clear();
    for (const entry of waiting) entry.refuse(refusal);
  }

  /** PostgreSQL has these events. */
  flushed(events: readonly unknown[]): void {
    if (this.phase !== 'active') return;
    try {
      this.kind.flushed(this.#state, events);
    } catch (error) {
      this.#parts.broken(this, error);
    }
  }

  /** Nothing waits, nothing that left a turn is on its way, and the kind has nothing open. */
  get idle(): boolean {
    return this.phase === 'active' && this.waiting === 0 && this.open === 0 && this.kind.idle(this.#state);
  }

  get #gone(): boolean {
    return this.phase === 'gone';
  }

  #hasRoom(): boolean {
    const { queueLimit } = this.#parts;
    if (this.waiting < queueLimit) return true;
    this.#queue = this.#queue.filter((entry) => !entry.settled);
    for (const parked of this.#parked ?? [])
      if (parked.entry.settled && !parked.reading) this.#parked?.delete(parked);
    return this.waiting < queueLimit;
  }

  #take(entry: Entry): void {
    let keys: readonly string[] = [];
    const before = this.#parked?.size ? [...this.#parked] : nobody;
    if (before.length > 0) {
      try {
        keys = this.kind.keys(entry.command);
      } catch (error) {
        this.#parts.fault(this, error);
        entry.refuse({ code: 'internal' });
        return;
      }
    }
    const parked = { entry, keys, reading: false, rounds: 0 };
    const behind = before.some((other) => shares(other.keys, keys));
    if (behind || !this.#proceed(parked)) this.#park(parked);
  }

  #park(parked: Parked): void {
    this.#parked ??= new Set();
    this.#parked.add(parked);
  }

  /** A turn, or a wait for rows: true when nothing of it waits any more. */
  #proceed(parked: Parked): boolean {
    const { entry } = parked;
    if (entry.settled) return true;
    const refusal = this.#refusal(entry);
    if (refusal !== undefined) {
      entry.refuse(refusal);
      return true;
    }
    try {
      const read =
        parked.rounds < mostRounds
          ? this.kind.needs(this.#state, entry.command, this.#parts.now())
          : undefined;
      if (read !== undefined) {
        parked.keys = this.kind.keys(entry.command);
        this.#read(parked, read());
        return false;
      }
    } catch (error) {
      this.#parts.fault(this, error);
      entry.refuse({ code: 'internal' });
      return true;
    }
    this.#turn(entry);
    return true;
  }

  /** Why this command may have no turn now, if so: it was not done. */
  #refusal(entry: Entry): Refusal | undefined {
    if (this.frozen) return { code: 'unavailable', reason: 'frozen' };
    if (this.#parts.monotonic() >= entry.expiresAt) return { code: 'unavailable', reason: 'expired' };
    return this.#parts.full();
  }

  #read(parked: Parked, rows: Promise<(state: unknown) => void>): void {
    parked.reading = true;
    parked.rounds++;
    this.#trusted(rows).then(
      (put) => this.#resume(parked, () => put(this.#state)),
      (error) =>
        this.#resume(parked, () => {
          throw error;
        }),
    );
  }

  /**
   * Rows of a database that was put back lack what was acked and flushed since: what they decide would undo it. The
   * shard is lost then, and this activation is gone. An actor that keeps nothing asks PostgreSQL for nothing.
   */
  async #trusted<Rows>(rows: Promise<Rows>): Promise<Rows> {
    const read = await rows;
    if (this.kind.journaled) await this.#parts.checkpointLook();
    return read;
  }

  /** The rows of a parked command are there, or will not come: whoever is free has its turn, in order. */
  #resume(read: Parked, put: () => void): void {
    if (this.#gone) return;
    read.reading = false;
    try {
      put();
    } catch (error) {
      const refusal = refusalOf(error);
      read.entry.refuse(refusal.code === 'internal' ? { code: 'unavailable', reason: 'unread' } : refusal);
    }
    const held = new Set<string>();
    // Whoever a turn brings is behind those that wait, and is reached here too.
    for (const parked of this.#parked ?? []) {
      const waits = parked.reading || parked.keys.some((key) => held.has(key));
      if (!waits && this.#proceed(parked)) this.#parked?.delete(parked);
      else for (const key of parked.keys) held.add(key);
    }
  }

  #turn(entry: Entry): void {
    let decision: Decision<unknown, unknown>;
    try {
      decision = this.kind.decide(this.#state, entry.command, this.#parts.now());
    } catch (error) {
      decision = { refuse: refusalOf(error) };
      if (decision.refuse.code === 'internal') this.#parts.fault(this, error);
    }
    try {
      if (!('refuse' in decision) && decision.events !== undefined && decision.events.length > 0) {
        // Deciding changed nothing yet: a refusal here is one before the turn.
        const refusal = this.kind.journaled ? this.#parts.refuses(decision.gate ?? 'journaled') : undefined;
        if (refusal !== undefined) {
          entry.refuse(refusal);
          return;
        }
        for (const event of decision.events) this.#state = this.kind.evolve(this.#state, event);
      }
      entry.begun = !('refuse' in decision);
      this.#parts.decided(this, entry, decision);
    } catch (error) {
      entry.refuse({ code: 'internal' });
      this.#parts.broken(this, error);
    }
  }
}

function shares(one: readonly string[], other: readonly string[]): boolean {
  return one.some((key) => other.includes(key));
}

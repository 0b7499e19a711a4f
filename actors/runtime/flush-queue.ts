import type { Outgoing } from './kind.ts';
import type { ActorEvent, Output, PendingMark } from './output.ts';

/** A committed record whose events PostgreSQL does not have yet. */
export interface FlushItem {
  position: number;
  /** Number of its batch, 0 for records of an earlier owner. */
  batch: number;
  events: ActorEvent[];
  bytes: number;
  /** Monotonic times: of its first event, and of its commit. */
  openedAt: number;
  committedAt: number;
  /** What leaves when it is flushed. */
  outputs: Output[];
  frames: Outgoing[];
}

/** What one flush takes: a prefix of the items, and marks. */
export interface FlushTake {
  items: FlushItem[];
  marks: PendingMark[];
}

/** Bytes that all queues of a node hold. */
export interface Held {
  bytes: number;
}

/**
 * What one shard has committed and not flushed, in order, and its unwritten marks. Counts per actor, of
 * what is still on its way to the journal too, tell what may be loaded (nothing unflushed) and what may
 * leave memory.
 */
export class FlushQueue {
  readonly items: FlushItem[] = [];
  closed = false;
  readonly #held: Held;
  readonly #marks = new Map<string, PendingMark>();
  readonly #pending = new Map<string, number>();
  /** Calls that wait until an actor has nothing unflushed. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #draining: (() => void)[] = [];

  constructor(held: Held) {
    this.#held = held;
  }

  /** So many events of this actor are on their way to the journal. */
  coming(actor: string, events: number): void {
    this.#count(actor, events);
  }

  /** They are committed; each was announced by `coming`. */
  push(item: FlushItem): void {
    this.items.push(item);
    this.#held.bytes += item.bytes;
  }

  mark(mark: PendingMark): void {
    if (!this.#marks.has(mark.key)) this.#count(mark.actor, 1);
    this.#marks.set(mark.key, mark);
  }

  /** True while PostgreSQL lacks an event or a mark of this actor. */
  pending(actor: string): boolean {
    return this.#pending.has(actor);
  }

  /** There is nothing to take. What a transaction under way has taken may still come back. */
  get empty(): boolean {
    return this.items.length === 0 && this.#marks.size === 0;
  }

  /** PostgreSQL has everything. */
  get settled(): boolean {
    return this.items.length === 0 && this.#pending.size === 0;
  }

  /** Resolves when this actor has nothing unflushed, or the queue was closed. */
  flushed(actor: string): Promise<void> {
    if (!this.pending(actor)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(actor);
      if (waiting) waiting.push(resolve);
      else this.#waiting.set(actor, [resolve]);
    });
  }

  /** Resolves when PostgreSQL has every item, or the queue was closed. */
  drained(): Promise<void> {
    if (this.items.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#draining.push(resolve));
  }

  /** Lets an output out when the batch is flushed; false if it is already. */
  attach(batch: number, output: Output): boolean {
    const item = this.items.findLast((one) => one.batch === batch);
    item?.outputs.push(output);
    return item !== undefined;
  }

  /** A prefix of about so many events and bytes, at least one item; and the marks that may go with it, taken out. */
  take(events: number, bytes: number): FlushTake {
    const items: FlushItem[] = [];
    let count = 0;
    let size = 0;
    for (const item of this.items) {
      count += item.events.length;
      size += item.bytes;
      if (items.length > 0 && (count > events || size > bytes)) break;
      items.push(item);
    }
    // A mark goes after the events that it may speak of.
    const all = items.length === this.items.length;
    const upTo = items.at(-1)?.batch ?? 0;
    const marks: PendingMark[] = [];
    for (const mark of this.#marks.values()) {
      if (marks.length >= Math.max(events, 1)) break;
      if (all || mark.batch <= upTo) marks.push(mark);
    }
    for (const mark of marks) this.#marks.delete(mark.key);
    return { items, marks };
  }

  /** The transaction did not commit: marks go back, unless newer ones stand in their place. */
  untake(take: FlushTake): void {
    if (this.closed) return;
    for (const mark of take.marks) {
      if (this.#marks.has(mark.key)) this.#count(mark.actor, -1);
      else this.#marks.set(mark.key, mark);
    }
  }

  /** The transaction committed: the first items, and these marks, are in PostgreSQL. */
  done(take: FlushTake): void {
    for (const item of this.items.splice(0, take.items.length)) {
      this.#held.bytes -= item.bytes;
      for (const { actor } of item.events) this.#count(actor, -1);
    }
    for (const mark of take.marks) this.#count(mark.actor, -1);
    if (this.items.length === 0) this.#drained();
  }

  /** Nothing more comes of it: forgets everything, and who waits goes on. */
  close(): FlushItem[] {
    this.closed = true;
    const items = this.items.splice(0);
    for (const item of items) this.#held.bytes -= item.bytes;
    this.#marks.clear();
    this.#pending.clear();
    const waiting = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
    this.#drained();
    return items;
  }

  #drained(): void {
    const draining = this.#draining;
    this.#draining = [];
    for (const resolve of draining) resolve();
  }

  #count(actor: string, change: number): void {
    const count = (this.#pending.get(actor) ?? 0) + change;
    if (count > 0) {
      this.#pending.set(actor, count);
      return;
    }
    this.#pending.delete(actor);
    const waiting = this.#waiting.get(actor);
    this.#waiting.delete(actor);
    for (const resolve of waiting ?? []) resolve();
  }
}

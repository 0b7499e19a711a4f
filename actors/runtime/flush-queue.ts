import type { Outgoing } from './kind.ts';
import { type ActorEvent, actorKey, type Output, type PendingMark } from './output.ts';

/** A committed record whose events PostgreSQL does not have yet. */
export interface FlushItem {
  position: number;
  /** Number of its batch, 0 for records of an earlier owner. */
  batch: number;
  events: ActorEvent[];
  bytes: number;
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

/**
 * What one shard has committed and not flushed, in order, and its unwritten marks. Counts per actor tell
 * what may be loaded (nothing unflushed) and what may leave memory.
 */
export class FlushQueue {
  readonly items: FlushItem[] = [];
  bytes = 0;
  readonly #marks = new Map<string, PendingMark>();
  readonly #pending = new Map<string, number>();
  /** Calls that wait until an actor has nothing unflushed. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #draining: (() => void)[] = [];

  push(item: FlushItem): void {
    this.items.push(item);
    this.bytes += item.bytes;
    for (const event of item.events) this.#count(actorKey(event.kind, event.id), 1);
  }

  mark(mark: PendingMark): void {
    if (!this.#marks.has(mark.key)) this.#count(actorKey(mark.kind, mark.id), 1);
    this.#marks.set(mark.key, mark);
  }

  /** True while PostgreSQL lacks an event or a mark of this actor. */
  pending(actor: string): boolean {
    return this.#pending.has(actor);
  }

  get empty(): boolean {
    return this.items.length === 0 && this.#marks.size === 0;
  }

  /** Resolves when this actor has nothing unflushed. */
  flushed(actor: string): Promise<void> {
    if (!this.pending(actor)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(actor);
      if (waiting) waiting.push(resolve);
      else this.#waiting.set(actor, [resolve]);
    });
  }

  /** Resolves when PostgreSQL has every item. */
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

  /** A prefix of about `events` events, at least one item; and the marks, taken out. */
  take(events: number): FlushTake {
    const items: FlushItem[] = [];
    let sum = 0;
    for (const item of this.items) {
      if (items.length > 0 && sum + item.events.length > events) break;
      sum += item.events.length;
      items.push(item);
    }
    const marks = [...this.#marks.values()].slice(0, Math.max(events, 1));
    for (const mark of marks) this.#marks.delete(mark.key);
    return { items, marks };
  }

  /** The transaction did not commit: marks go back, unless newer ones stand in their place. */
  untake(take: FlushTake): void {
    for (const mark of take.marks) {
      if (this.#marks.has(mark.key)) this.#count(actorKey(mark.kind, mark.id), -1);
      else this.#marks.set(mark.key, mark);
    }
  }

  /** The transaction committed. */
  done(take: FlushTake): void {
    this.drop(take.items.length);
    for (const mark of take.marks) this.#count(actorKey(mark.kind, mark.id), -1);
  }

  /** Removes the first items: PostgreSQL has them. */
  drop(count: number): FlushItem[] {
    const items = this.items.splice(0, count);
    for (const item of items) {
      this.bytes -= item.bytes;
      for (const event of item.events) this.#count(actorKey(event.kind, event.id), -1);
    }
    if (this.items.length === 0) {
      const draining = this.#draining;
      this.#draining = [];
      for (const resolve of draining) resolve();
    }
    return items;
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

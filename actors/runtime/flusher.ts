import type { Clock } from '../../ops/process/clock.ts';
import type { FlushTake } from './flush-queue.ts';
import type { Checkpoint, FlushStore } from './flush-store.ts';
import type { AnyKind } from './kind.ts';
import type { RuntimeObserver } from './observer.ts';
import type { RuntimeOptions } from './options.ts';
import { type Buried, writeTakes } from './project.ts';
import type { OwnedShard } from './shard.ts';

export interface FlusherParts<Tx> {
  store: FlushStore<Tx>;
  kinds: ReadonlyMap<string, AnyKind<Tx>>;
  clock: Clock;
  options: RuntimeOptions;
  observer: RuntimeObserver;
  /** The checkpoint row is not as this owner left it: the shard is lost. */
  stale(shard: OwnedShard, row: Checkpoint | undefined): void;
  fault(message: string, error: unknown): void;
}

type Takes = Map<OwnedShard, FlushTake>;

/**
 * One lane: writes what its shards have committed, in one guarded transaction a cycle. `dirty` starts a
 * cycle, at the latest `flushIntervalMs` after the last one, at once where an answer waits.
 */
export class FlushLane<Tx> {
  readonly #number: number;
  readonly #parts: FlusherParts<Tx>;
  readonly #dirty = new Set<OwnedShard>();
  #failed = false;
  /** Monotonic time at which the transaction under way began. */
  #busySince: number | undefined;
  #soon = false;
  #cancel: (() => void) | undefined;
  #pause = 0;
  /** PostgreSQL refused data of the last take: look for it with savepoints. */
  #careful = false;

  constructor(number: number, parts: FlusherParts<Tx>) {
    this.#number = number;
    this.#parts = parts;
  }

  /** The last transaction failed, or this one takes too long: what needs a flush is refused meanwhile. */
  get failing(): boolean {
    const { clock, options } = this.#parts;
    const stuck = this.#busySince !== undefined && clock.monotonic() - this.#busySince > options.flushStuckMs;
    return this.#failed || stuck;
  }

  dirty(shard: OwnedShard, soon: boolean): void {
    this.#dirty.add(shard);
    this.#soon ||= soon;
    this.#schedule();
  }

  forget(shard: OwnedShard): void {
    this.#dirty.delete(shard);
  }

  #schedule(): void {
    if (this.#busySince !== undefined || this.#dirty.size === 0) return;
    const wait = this.#pause > 0 ? this.#pause : this.#soon ? 0 : this.#parts.options.flushIntervalMs;
    if (this.#cancel !== undefined && wait > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
    if (wait === 0) this.#begin();
    else this.#cancel = this.#parts.clock.after(wait, () => this.#begin());
  }

  #begin(): void {
    this.#cancel = undefined;
    this.#busySince = this.#parts.clock.monotonic();
    queueMicrotask(() => void this.#cycle());
  }

  async #cycle(): Promise<void> {
    const { clock, observer } = this.#parts;
    this.#soon = false;
    const takes = this.#take();
    if (takes.size > 0) {
      const startedAt = clock.monotonic();
      const written = await this.#tryToFlush(takes);
      if (written !== undefined) observer.flush(written, (clock.monotonic() - startedAt) / 1000);
    }
    for (const shard of [...this.#dirty]) if (shard.queue.empty) this.#dirty.delete(shard);
    this.#busySince = undefined;
    this.#schedule();
  }

  #take(): Takes {
    const { flushEvents, flushBytes } = this.#parts.options;
    const shards = [...this.#dirty].filter((shard) => !shard.queue.empty);
    shards.sort((a, b) => a.number - b.number);
    const share = (of: number) => Math.max(1, Math.floor(of / shards.length));
    return new Map(shards.map((shard) => [shard, shard.queue.take(share(flushEvents), share(flushBytes))]));
  }

  /** Gives the number of events written; undefined if it failed. */
  async #tryToFlush(takes: Takes): Promise<number | undefined> {
    const { store, options, observer, fault } = this.#parts;
    let done: Written;
    try {
      done = await this.#write(takes);
    } catch (error) {
      for (const [shard, take] of takes) shard.queue.untake(take);
      if (store.poison(error) && !this.#careful) {
        this.#careful = true;
        this.#soon = true;
        return undefined;
      }
      observer.flushFailed();
      if (!this.#failed) fault(`flush lane ${this.#number} failed`, error);
      this.#failed = true;
      this.#pause = Math.min(Math.max(this.#pause * 2, options.retryMs), options.retryMaxMs);
      return undefined;
    }
    this.#failed = false;
    this.#careful = false;
    this.#pause = 0;
    return this.#finish(takes, done);
  }

  /** One transaction, guarded by the checkpoint rows. */
  async #write(takes: Takes): Promise<Written> {
    const { store } = this.#parts;
    const written: Written = { stale: new Map(), buried: [], frozen: [] };
    const ahead = new Map<OwnedShard, number>();
    await store.transaction(this.#number, async (tx) => {
      const numbers = [...takes.keys()].map((shard) => shard.number);
      const rows = await store.lock(tx, numbers);
      for (const [shard, take] of takes) {
        const row = rows.get(shard.number);
        const done = this.#alreadyWritten(shard, take, row);
        if (done === undefined) written.stale.set(shard, row);
        else ahead.set(shard, done);
      }
      const writable = [...takes].filter(([shard]) => !written.stale.has(shard));
      const rest = writable.map(([shard, { items, marks }]) => {
        return { shard, items: items.slice(ahead.get(shard)), marks };
      });
      written.buried = await writeTakes(tx, rest, { ...this.#parts, careful: this.#careful });
      const positions = writable.flatMap(([shard, { items }]) => {
        const last = items.at(-1);
        return last === undefined ? [] : [{ shard: shard.number, position: last.position }];
      });
      if (positions.length > 0) await store.advance(tx, positions);
    });
    // What the lost COMMIT froze was never told.
    for (const [shard, items] of ahead)
      if (items > 0)
        for (const actor of await store.frozen(shard.number)) written.frozen.push({ shard, actor });
    return written;
  }

  #finish(takes: Takes, { stale, buried, frozen }: Written): number {
    for (const { shard, kind, freezes } of buried) {
      this.#parts.observer.buried(kind);
      if (freezes !== undefined) shard.freeze(freezes);
    }
    for (const { shard, actor } of frozen) shard.freeze(actor);
    let events = 0;
    for (const [shard, take] of takes) {
      if (stale.has(shard)) {
        this.#dirty.delete(shard);
        this.#parts.stale(shard, stale.get(shard));
        continue;
      }
      for (const item of take.items) events += item.events.length;
      if (!shard.queue.closed) shard.flushed(take);
    }
    return events;
  }

  /**
   * How many of the items the row says are written already (a COMMIT whose answer was lost); undefined
   * if the row is not as this owner left it.
   */
  #alreadyWritten(shard: OwnedShard, take: FlushTake, row: Checkpoint | undefined): number | undefined {
    if (row === undefined || row.journal_id !== shard.journal.id || row.epoch !== shard.epoch)
      return undefined;
    if (row.position === shard.checkpoint) return 0;
    const written = shard.queue.items.findIndex((item) => item.position === row.position) + 1;
    if (written > take.items.length) take.items = shard.queue.items.slice(0, written);
    return written === 0 ? undefined : written;
  }
}

interface Written {
  /** Shards whose rows are another owner's now, or went back, and those rows: nothing of them was written. */
  stale: Map<OwnedShard, Checkpoint | undefined>;
  buried: Buried<OwnedShard>[];
  /** Actors that wait for an operator. */
  frozen: { shard: OwnedShard; actor: string }[];
}

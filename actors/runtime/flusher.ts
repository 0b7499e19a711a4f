import type { Clock } from '../../ops/process/clock.ts';
import type { FlushTake } from './flush-queue.ts';
import type { Checkpoint, FlushStore } from './flush-store.ts';
import type { AnyKind } from './kind.ts';
import type { RuntimeObserver } from './observer.ts';
import type { RuntimeOptions } from './options.ts';
import { writeTakes } from './project.ts';
import type { OwnedShard } from './shard.ts';

export interface FlusherParts<Tx> {
  store: FlushStore<Tx>;
  journalId: string;
  kinds: ReadonlyMap<string, AnyKind<Tx>>;
  clock: Clock;
  options: RuntimeOptions;
  observer: RuntimeObserver;
  /** The checkpoint row is no longer ours: the shard is lost. */
  stale(shard: OwnedShard): void;
  fault(message: string, error: unknown): void;
}

/**
 * One lane: writes what its shards have committed, in one guarded transaction a cycle. `dirty` starts a
 * cycle, at the latest `flushIntervalMs` after the last one, at once where an answer waits.
 */
export class FlushLane<Tx> {
  /** The last cycle failed: what needs a flush is refused until one succeeds. */
  failing = false;
  readonly #number: number;
  readonly #parts: FlusherParts<Tx>;
  readonly #dirty = new Set<OwnedShard>();
  #busy = false;
  #soon = false;
  #cancel: (() => void) | undefined;
  #pause = 0;
  /** PostgreSQL refused data of the last take: look for it with savepoints. */
  #careful = false;
  #idle: (() => void)[] = [];

  constructor(number: number, parts: FlusherParts<Tx>) {
    this.#number = number;
    this.#parts = parts;
  }

  dirty(shard: OwnedShard, soon: boolean): void {
    this.#dirty.add(shard);
    this.#soon ||= soon;
    this.#schedule();
  }

  forget(shard: OwnedShard): void {
    this.#dirty.delete(shard);
    this.#settleIdle();
  }

  /** Resolves when nothing of this lane is unflushed. */
  drained(): Promise<void> {
    this.#soon = true;
    this.#schedule();
    if (this.#dirty.size === 0 && !this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #schedule(): void {
    if (this.#busy || this.#dirty.size === 0) return;
    const wait = this.#pause > 0 ? this.#pause : this.#soon ? 0 : this.#parts.options.flushIntervalMs;
    if (this.#cancel !== undefined && !(this.#soon && this.#pause === 0)) return;
    this.#cancel?.();
    this.#cancel = undefined;
    if (wait === 0) {
      this.#busy = true;
      queueMicrotask(() => void this.#cycle());
    } else {
      this.#cancel = this.#parts.clock.after(wait, () => {
        this.#cancel = undefined;
        this.#busy = true;
        void this.#cycle();
      });
    }
  }

  async #cycle(): Promise<void> {
    const { clock, options, observer } = this.#parts;
    this.#soon = false;
    const startedAt = clock.monotonic();
    const takes = this.#take();
    try {
      const events = await this.#flush(takes);
      observer.flush(events, (clock.monotonic() - startedAt) / 1000);
      this.failing = false;
      this.#careful = false;
      this.#pause = 0;
    } catch (error) {
      for (const [shard, take] of takes) shard.queue.untake(take);
      if (this.#parts.store.poison(error) && !this.#careful) {
        this.#careful = true;
      } else {
        this.failing = true;
        this.#pause = Math.min(Math.max(this.#pause * 2, options.retryMs), options.retryMaxMs);
        this.#parts.fault(`flush lane ${this.#number} failed`, error);
      }
    }
    for (const shard of [...this.#dirty]) if (shard.closed || shard.queue.empty) this.#dirty.delete(shard);
    this.#busy = false;
    this.#settleIdle();
    this.#schedule();
  }

  #settleIdle(): void {
    if (this.#dirty.size > 0 || this.#busy) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  #take(): Map<OwnedShard, FlushTake> {
    const shards = [...this.#dirty].filter((shard) => !shard.closed).sort((a, b) => a.number - b.number);
    const share = Math.max(1, Math.floor(this.#parts.options.flushEvents / Math.max(1, shards.length)));
    return new Map(shards.map((shard) => [shard, shard.queue.take(share)]));
  }

  /** Gives the number of events written. */
  async #flush(takes: Map<OwnedShard, FlushTake>): Promise<number> {
    if (takes.size === 0) return 0;
    const { store } = this.#parts;
    const stale = new Set<OwnedShard>();
    const ahead = new Map<OwnedShard, number>();
    const frozen: { shard: OwnedShard; actor: string }[] = [];
    await store.transaction(this.#number, async (tx) => {
      stale.clear();
      ahead.clear();
      frozen.length = 0;
      const rows = await store.lock(
        tx,
        [...takes.keys()].map((shard) => shard.number),
      );
      for (const [shard, take] of takes) {
        const done = this.#alreadyWritten(shard, take, rows.get(shard.number));
        if (done === undefined) stale.add(shard);
        else ahead.set(shard, done);
      }
      const writable = [...takes].filter(([shard]) => !stale.has(shard));
      const parts = { ...this.#parts, careful: this.#careful, frozen };
      await writeTakes(
        tx,
        writable.map(([shard, take]) => ({
          shard,
          items: take.items.slice(ahead.get(shard)),
          marks: take.marks,
        })),
        parts,
      );
      const positions = writable.flatMap(([shard, take]) => {
        const last = take.items.at(-1);
        return last === undefined ? [] : [{ shard: shard.number, position: last.position }];
      });
      if (positions.length > 0) await store.advance(tx, positions);
    });
    let events = 0;
    for (const [shard, take] of takes) {
      if (stale.has(shard)) {
        shard.queue.untake(take);
        this.#dirty.delete(shard);
        this.#parts.stale(shard);
        continue;
      }
      if (shard.closed) continue;
      for (const one of frozen.filter((each) => each.shard === shard)) freeze(shard, one.actor);
      events += take.items.reduce((sum, item) => sum + item.events.length, 0);
      shard.checkpoint = take.items.at(-1)?.position ?? shard.checkpoint;
      shard.queue.done(take);
      shard.flushed(take.items);
    }
    return events;
  }

  /**
   * How many of the items the row says are written already (a COMMIT whose answer was lost); undefined
   * if the row is not as this owner left it.
   */
  #alreadyWritten(shard: OwnedShard, take: FlushTake, row: Checkpoint | undefined): number | undefined {
    if (row === undefined || row.journal_id !== this.#parts.journalId || row.epoch !== shard.epoch)
      return undefined;
    if (row.position === shard.checkpoint) return 0;
    const written = shard.queue.items.findIndex((item) => item.position === row.position) + 1;
    if (written > take.items.length) take.items = shard.queue.items.slice(0, written);
    return written === 0 ? undefined : written;
  }
}

function freeze(shard: OwnedShard, actor: string): void {
  shard.frozen.add(actor);
  const activation = shard.activations.get(actor);
  if (activation !== undefined) activation.frozen = true;
}

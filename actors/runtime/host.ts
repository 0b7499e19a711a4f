import type { Bus } from '../../ops/bus/bus.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import { Deadlines } from '../../ops/process/deadlines.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { Result } from '../client/ask.ts';
import { shardOf } from '../client/shard-of.ts';
import type { Journal } from '../journal/journal.ts';
import { Beacons } from './beacons.ts';
import { CheckpointWatch, notOurs } from './checkpoint-watch.ts';
import type { ClaimParts } from './claim.ts';
import { Releaser } from './drain.ts';
import { Entry } from './entry.ts';
import type { Held } from './flush-queue.ts';
import type { FlushStore } from './flush-store.ts';
import { FlushLane } from './flusher.ts';
import { HandOff } from './hand-off.ts';
import { type HostStats, statsOf } from './host-stats.ts';
import type { AnyKind } from './kind.ts';
import { type RuntimeObserver, unobserved } from './observer.ts';
import { type RuntimeOptions, runtimeDefaults } from './options.ts';
import { actorKey } from './output.ts';
import { Passivation } from './passivation.ts';
import type { OwnedShard } from './shard.ts';
import { ShardKeeper } from './shard-keeper.ts';
import type { ShardParts } from './shard-parts.ts';
import { tellAll } from './tell-all.ts';
import { Trimmer } from './trimmer.ts';
import type { Placement } from './view.ts';

export type { Placement } from './view.ts';

export interface HostParts<Tx> {
  node: string;
  shards: number;
  journal: Journal;
  /** Opens what stands in the place of a journal that is gone; rejects while nothing does. */
  reopenJournal?(): Promise<Journal>;
  store: FlushStore<Tx>;
  kinds: readonly AnyKind<Tx>[];
  bus: Bus;
  clock: Clock;
  observer: Partial<RuntimeObserver>;
  placement: Placement;
  options?: Partial<RuntimeOptions>;
  /** A shard is served here from now on: what only memory had of its soft actors is gone. */
  serving?(shard: number): void;
  /** For the log; never with a command or an event in it. */
  log(level: 'info' | 'warn' | 'error', message: string, error?: unknown): void;
}

export interface AskRequest {
  kind: string;
  id: string;
  commands: readonly object[];
  /** Milliseconds that the caller will wait, counted from arrival. */
  budgetMs: number;
}

export type PeekRequest = Omit<AskRequest, 'commands'> & { command: object };

/** The actors of one node: its shards, its lanes, and the door for commands. */
export class ActorHost<Tx = unknown> {
  readonly #parts: HostParts<Tx>;
  readonly #options: RuntimeOptions;
  readonly #observer: RuntimeObserver;
  readonly #kinds: ReadonlyMap<string, AnyKind<Tx>>;
  readonly #held: Held = { bytes: 0 };
  readonly #lanes: FlushLane<Tx>[];
  readonly #keeper: ShardKeeper;
  readonly #releaser: Releaser;
  readonly #handOff: HandOff;
  readonly #passivation: Passivation;
  readonly #trimmer: Trimmer;
  /** On a bus that loses nothing there are none. */
  readonly #beacons: Beacons | undefined;
  readonly #watch: CheckpointWatch;
  /** Asks that have no answer yet. */
  readonly #open = new Set<readonly Entry[]>();
  readonly #deadlines: Deadlines;
  #attempts = 0;
  #draining = false;

  constructor(parts: HostParts<Tx>) {
    this.#parts = parts;
    this.#options = { ...runtimeDefaults, ...parts.options };
    this.#observer = { ...unobserved, ...parts.observer };
    this.#kinds = new Map(parts.kinds.map((kind) => [kind.name, kind]));
    const { clock, bus } = parts;
    this.#deadlines = new Deadlines(clock);
    const options = this.#options;
    this.#beacons = bus.lossy ? new Beacons({ bus, clock, options }) : undefined;
    this.#lanes = Array.from({ length: options.lanes }, (_, number) => this.#makeLane(number));
    this.#passivation = new Passivation(clock, options);
    const owned = () => this.#keeper.owned();
    this.#watch = new CheckpointWatch({ store: parts.store as FlushStore, clock, options, owned });
    const claim = this.#claimParts();
    this.#keeper = new ShardKeeper({
      ...parts,
      observer: this.#observer,
      options,
      claim,
      shardParts: this.#shardParts(),
    });
    this.#releaser = new Releaser({
      clock,
      claim,
      releasing: (shard) => this.#keeper.releasing(shard),
      dirty: (shard) => this.#lane(shard).dirty(shard, true),
    });
    this.#handOff = new HandOff({
      ...parts,
      options,
      claim,
      keeper: this.#keeper,
      releaser: this.#releaser,
      failing: (shard) => this.#keeper.failed || shard.appender.stalled || this.#lane(shard).failing,
      fault: this.#fault,
    });
    this.#trimmer = new Trimmer(owned, clock, options, this.#fault, () => this.#watch.look());
  }

  /** Claims the shards that placement gives this node, and keeps doing so. Resolves when each was tried. */
  async start(): Promise<void> {
    this.#passivation.start();
    this.#trimmer.start();
    this.#watch.start();
    await this.#keeper.start();
  }

  /** Commands to one actor, in order; one result each, within the budget. Rejects never. */
  ask({ kind: name, id, commands, budgetMs }: AskRequest): Promise<Result[]> {
    const { clock } = this.#parts;
    const expiresAt = clock.monotonic() + budgetMs;
    return new Promise((resolve) => {
      const results: Result[] = new Array(commands.length);
      let left = commands.length;
      const entries = commands.map((command, index) => {
        return new Entry(command, expiresAt, (result) => {
          results[index] = result;
          if (--left === 0) finish();
        });
      });
      const cancel = this.#deadlines.at(expiresAt, () => {
        for (const entry of entries) entry.expire();
      });
      const finish = () => {
        cancel();
        this.#open.delete(entries);
        resolve(results);
      };
      this.#open.add(entries);
      if (left === 0) finish();
      else this.#submit(name, id, entries, expiresAt);
    });
  }

  /** One read of an actor in memory; undefined: it is cold, and SQL read after this answer is the truth. */
  async peek({ kind, id, command, budgetMs }: PeekRequest): Promise<Result | undefined> {
    const { clock } = this.#parts;
    const expiresAt = clock.monotonic() + budgetMs;
    const shard = await this.#shardOf(kind, id, expiresAt);
    if ('refusal' in shard) return shard;
    const seen = await this.#inTime(expiresAt, shard.look(actorKey(kind, id)));
    if (seen === 'cold') return undefined;
    if (seen !== 'hot') return { refusal: seen };
    const [result] = await this.ask({
      kind,
      id,
      commands: [command],
      budgetMs: expiresAt - clock.monotonic(),
    });
    return result;
  }

  /**
   * One command to each actor of the kind that is in memory here, for as long as `still` says so; none is
   * activated for it. In slices: the node goes on serving meanwhile. Resolves when all have taken it.
   */
  tellAll(kind: string, command: object, still: () => boolean): Promise<void> {
    return tellAll(this.#keeper.owned(), kind, command, still, this.#parts.clock);
  }

  /**
   * Other nodes are live now: what belongs here is claimed, and what does not is handed on, a few shards at
   * a time.
   */
  placementChanged(): void {
    if (this.#draining) return;
    this.#keeper.placementChanged();
    void this.#handOff.all();
  }

  /** Another node should own this shard: lets it go, in its turn; resolves to whether it is gone from here. */
  release(number: number): Promise<boolean> {
    return this.#handOff.release(number);
  }

  /**
   * Hands on what other nodes take, a few shards at a time; then stops intake, finishes batches, flushes
   * until half of the deadline, writes release records. What is not flushed by then is the next owner's. Whoever still waits at the end is answered with what is known.
   */
  async drain(deadlineMs: number): Promise<void> {
    this.#keeper.stop();
    this.#passivation.stop();
    this.#trimmer.stop();
    this.#watch.stop();
    const { clock } = this.#parts;
    const until = clock.monotonic() + deadlineMs;
    const left = (share: number) => until - clock.monotonic() - deadlineMs * share;
    const within = (ms: number, promise: Promise<void>) => Promise.race([promise, sleep(clock, ms)]);
    const release = (flushMs: number) => {
      for (const shard of this.#keeper.owned()) void this.#releaser.release(shard, flushMs, deadlineMs / 4);
    };
    if (this.#handOff.due().length > 0) await within(left(3 / 4), this.#handOff.all());
    this.#draining = true;
    release(left(1 / 2));
    // A claim that was under way may still bring a shard.
    await within(left(1 / 2), this.#keeper.settled());
    await within(left(1 / 8), this.#releaser.settled());
    release(0);
    await within(left(0), this.#releaser.settled());
    this.#beacons?.close();
    for (const entries of this.#open) for (const entry of entries) entry.expire();
  }

  stats(): HostStats {
    return statsOf({
      now: this.#parts.clock.monotonic(),
      kinds: [...this.#kinds.keys()],
      states: this.#keeper.states(),
      shards: this.#keeper.owned(),
      activations: this.#passivation.all(),
      unflushedBytes: this.#held.bytes,
      options: this.#options,
      heads: this.#beacons?.size ?? 0,
      journalFailed: this.#keeper.failed,
      flushFailing: this.#lanes.some((lane) => lane.failing),
    });
  }

  #submit(name: string, id: string, entries: readonly Entry[], expiresAt: number): void {
    const kind = this.#kinds.get(name);
    const number = shardOf(name, id, this.#parts.shards);
    // Without waiting where it can be: commands are taken in the order they came.
    const serving = kind === undefined || this.#draining ? undefined : this.#keeper.get(number);
    if (serving !== undefined) for (const entry of entries) serving.submit(kind as AnyKind, id, entry);
    else void this.#submitLater(name, id, entries, expiresAt);
  }

  async #submitLater(name: string, id: string, entries: readonly Entry[], expiresAt: number): Promise<void> {
    const shard = await this.#shardOf(name, id, expiresAt);
    const kind = this.#kinds.get(name) as AnyKind;
    for (const entry of entries)
      if ('refusal' in shard) entry.settle(shard);
      else shard.submit(kind, id, entry);
  }

  async #shardOf(kind: string, id: string, expiresAt: number): Promise<OwnedShard | { refusal: Refusal }> {
    if (!this.#kinds.has(kind)) return { refusal: { code: 'not_found', reason: 'unknown_kind' } };
    if (this.#draining) return { refusal: { code: 'actor_moved', reason: 'draining' } };
    const number = shardOf(kind, id, this.#parts.shards);
    return this.#keeper.get(number) ?? this.#keeper.wait(number, expiresAt);
  }

  /** What the promise gives, or that it was not given in time. */
  async #inTime<T>(expiresAt: number, promise: Promise<T>): Promise<T | Refusal> {
    const { clock } = this.#parts;
    let cancel = () => {};
    const late = new Promise<Refusal>((resolve) => {
      const refusal: Refusal = { code: 'unavailable', reason: 'expired', retry_after_ms: 500 };
      cancel = clock.after(expiresAt - clock.monotonic(), () => resolve(refusal));
    });
    return Promise.race([promise, late]).finally(() => cancel());
  }

  readonly #fault = (message: string, error: unknown): void => this.#parts.log('error', message, error);

  #lane(shard: OwnedShard): FlushLane<Tx> {
    return this.#lanes[shard.number % this.#lanes.length] as FlushLane<Tx>;
  }

  #makeLane(number: number): FlushLane<Tx> {
    return new FlushLane(number, {
      ...this.#parts,
      kinds: this.#kinds,
      options: this.#options,
      observer: this.#observer,
      stale: (shard, row) => shard.lose(notOurs(shard, row)),
      fault: this.#fault,
    });
  }

  #shardParts(): ShardParts {
    return {
      ...this.#parts,
      bus: this.#beacons ?? this.#parts.bus,
      kinds: this.#kinds as ReadonlyMap<string, AnyKind>,
      options: this.#options,
      observer: this.#observer,
      held: this.#held,
      refuses: (shard, gate) => this.#refuses(shard, gate),
      dirty: (shard, soon) => this.#lane(shard).dirty(shard, soon),
      checkpointLook: () => this.#watch.look(),
      room: () => this.#passivation.room(),
      used: (shard, activation) => this.#passivation.used(shard, activation),
      left: (activation) => this.#passivation.left(activation),
      lost: (shard, loss) => {
        if (!loss.quarantined) this.#lane(shard).forget(shard);
        this.#keeper.lost(shard, loss);
      },
      journalFull: () => void this.#trimmer.relieve(),
      journalFailed: () => this.#keeper.journalFailed(),
      fault: this.#fault,
    };
  }

  #claimParts(): ClaimParts {
    const { node, store, clock, placement } = this.#parts;
    const keeper = () => this.#keeper;
    const isLive = (other: string) => placement.isLive(other);
    const attempt = () => ++this.#attempts;
    return {
      node,
      get journal() {
        return keeper().journal;
      },
      store: store as FlushStore,
      clock,
      options: this.#options,
      isLive,
      attempt,
    };
  }

  #refuses(shard: OwnedShard, gate: 'journaled' | 'stored'): Refusal | undefined {
    const { unflushedBytes } = this.#options;
    if (this.#keeper.failed) return { code: 'unavailable', reason: 'journal_failed' };
    if (this.#held.bytes > unflushedBytes)
      return { code: 'unavailable', reason: 'too_much_unflushed', retry_after_ms: 1000 };
    if (gate === 'stored' && this.#lane(shard).failing)
      return { code: 'unavailable', reason: 'database_away', retry_after_ms: 1000 };
    return undefined;
  }
}

import type { Bus } from '../../ops/bus/bus.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { Result } from '../client/ask.ts';
import type { Journal } from '../journal/journal.ts';
import { Beacons } from './beacons.ts';
import { CheckpointWatch, notOurs } from './checkpoint-watch.ts';
import type { ClaimParts } from './claim.ts';
import { type AskRequest, Door, type Kinds, type PeekRequest } from './door.ts';
import { Releaser } from './drain.ts';
import type { Held } from './flush-queue.ts';
import type { FlushStore } from './flush-store.ts';
import { FlushLane } from './flusher.ts';
import { HandOff } from './hand-off.ts';
import { type HostStats, statsOf } from './host-stats.ts';
import type { AnyKind } from './kind.ts';
import { type RuntimeObserver, unobserved } from './observer.ts';
import { type RuntimeOptions, runtimeDefaults } from './options.ts';
import { Passivation } from './passivation.ts';
import type { OwnedShard } from './shard.ts';
import { ShardKeeper } from './shard-keeper.ts';
import type { ShardParts } from './shard-parts.ts';
import { tellAll } from './tell-all.ts';
import { Trimmer } from './trimmer.ts';
import { UntoldHeads } from './untold.ts';
import type { Placement } from './view.ts';

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

/** The actors of one node: its shards, its lanes, and the door for commands. */
export class ActorHost<Tx = unknown> {
  readonly #parts: HostParts<Tx>;
  readonly #options: RuntimeOptions;
  readonly #observer: RuntimeObserver;
  readonly #kinds: ReadonlyMap<string, AnyKind<Tx>>;
  readonly #held: Held = { bytes: 0 };
  readonly #lanes: FlushLane<Tx>[];
  readonly #keeper: ShardKeeper;
  readonly #door: Door;
  readonly #releaser: Releaser;
  readonly #handOff: HandOff;
  readonly #passivation: Passivation;
  readonly #trimmer: Trimmer;
  /** On a bus that loses nothing there are none. */
  readonly #beacons: Beacons | undefined;
  readonly #watch: CheckpointWatch;
  #attempts = 0;
  #journalBacks = 0;

  constructor(parts: HostParts<Tx>) {
    this.#parts = parts;
    this.#options = { ...runtimeDefaults, ...parts.options };
    this.#observer = { ...unobserved, ...parts.observer };
    this.#kinds = new Map(parts.kinds.map((kind) => [kind.name, kind]));
    const { clock, bus } = parts;
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
      untold: this.#untoldHeads(),
    });
    this.#door = new Door({ clock, shards: parts.shards, kinds: this.#kinds as Kinds, keeper: this.#keeper });
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
  ask(request: AskRequest): Promise<Result[]> {
    return this.#door.ask(request);
  }

  /** One read of an actor in memory; undefined: it is cold, and SQL read after this answer is the truth. */
  peek(request: PeekRequest): Promise<Result | undefined> {
    return this.#door.peek(request);
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
    if (this.#door.closed) return;
    this.#keeper.placementChanged();
    void this.#handOff.all();
  }

  /**
   * The journal was away, and may have come back with less than it had: every owned shard is looked at, also those
   * that nobody asks for. Resolves when each has its answer, or when it was away again.
   */
  async journalBack(): Promise<void> {
    const time = ++this.#journalBacks;
    for (const shard of [...this.#keeper.owned()])
      while ((await shard.confirm()) === 'unknown') {
        await sleep(this.#parts.clock, this.#options.retryMaxMs);
        if (time !== this.#journalBacks || this.#door.closed) return;
      }
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
    this.#door.close();
    release(left(1 / 2));
    // A claim that was under way may still bring a shard.
    await within(left(1 / 2), this.#keeper.settled());
    await within(left(1 / 8), this.#releaser.settled());
    release(0);
    await within(left(0), this.#releaser.settled());
    this.#beacons?.close();
    this.#door.expire();
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
      lossy: this.#parts.bus.lossy ? this.#parts.bus : undefined,
      kinds: this.#kinds as Kinds,
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

  #untoldHeads(): UntoldHeads {
    const { clock } = this.#parts;
    const kinds = this.#kinds as Kinds;
    return new UntoldHeads({
      clock,
      kinds,
      beacons: this.#beacons,
      options: this.#options,
      fault: this.#fault,
    });
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

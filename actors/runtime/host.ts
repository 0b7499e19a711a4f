import type { Bus } from '../../ops/bus/bus.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { Result } from '../client/ask.ts';
import { shardOf } from '../client/shard-of.ts';
import type { Journal } from '../journal/journal.ts';
import { type ClaimParts, releaseShard } from './claim.ts';
import type { FlushStore } from './flush-store.ts';
import { FlushLane } from './flusher.ts';
import type { AnyKind } from './kind.ts';
import type { RuntimeObserver } from './observer.ts';
import { type RuntimeOptions, runtimeDefaults } from './options.ts';
import { actorKey } from './output.ts';
import { Passivation } from './passivation.ts';
import type { OwnedShard } from './shard.ts';
import { ShardKeeper } from './shard-keeper.ts';
import { Trimmer } from './trimmer.ts';

export interface HostParts<Tx> {
  node: string;
  shards: number;
  journal: Journal;
  store: FlushStore<Tx>;
  kinds: readonly AnyKind<Tx>[];
  bus: Bus;
  clock: Clock;
  observer: RuntimeObserver;
  placement: Placement;
  options?: Partial<RuntimeOptions>;
  /** For the log; never with a command or an event in it. */
  log(level: 'info' | 'warn' | 'error', message: string, error?: unknown): void;
}

/** The membership view, as the host sees it. A hint: the journal decides. */
export interface Placement {
  owner(shard: number): string | undefined;
  isLive(node: string): boolean;
  /** Asks a node to release a shard that should be here. */
  askRelease(node: string, shard: number): void;
}

export interface AskRequest {
  kind: string;
  id: string;
  commands: readonly object[];
  /** Milliseconds that the caller will wait, counted from arrival. */
  budgetMs: number;
}

export interface HostStats {
  shards: Record<string, number>;
  actors: Record<string, number>;
  unflushedEvents: number;
  unflushedBytes: number;
  /** Age of the oldest committed event that PostgreSQL lacks, in seconds. */
  flushLag: number;
  /** Commands that have not had their turn. */
  waiting: number;
  /** The journal takes appends, and the last flush of every lane succeeded. */
  journalAway: boolean;
  flushFailing: boolean;
}

/** The actors of one node: its shards, its lanes, and the door for commands. */
export class ActorHost<Tx = unknown> {
  readonly #parts: HostParts<Tx>;
  readonly #options: RuntimeOptions;
  readonly #kinds: ReadonlyMap<string, AnyKind<Tx>>;
  readonly #lanes: FlushLane<Tx>[];
  readonly #keeper: ShardKeeper;
  readonly #passivation: Passivation;
  readonly #trimmer: Trimmer;
  #attempts = 0;
  #draining = false;

  constructor(parts: HostParts<Tx>) {
    this.#parts = parts;
    this.#options = { ...runtimeDefaults, ...parts.options };
    this.#kinds = new Map(parts.kinds.map((kind) => [kind.name, kind]));
    const { journal, store, clock, observer, log } = parts;
    const fault = (message: string, error: unknown) => log('error', message, error);
    const stale = (shard: OwnedShard) =>
      shard.lose({ code: 'timeout', reason: 'fenced' }, 'its checkpoint row belongs to another owner');
    const laneParts = {
      store,
      journalId: journal.id,
      kinds: this.#kinds,
      clock,
      options: this.#options,
      observer,
      stale,
      fault,
    };
    this.#lanes = Array.from({ length: this.#options.lanes }, (_, lane) => new FlushLane(lane, laneParts));
    this.#keeper = new ShardKeeper({
      ...parts,
      options: this.#options,
      claim: this.#claimParts(),
      shardParts: {
        node: parts.node,
        journal,
        kinds: this.#kinds as ReadonlyMap<string, AnyKind>,
        bus: parts.bus,
        clock,
        options: this.#options,
        observer,
        flushRefusal: () => this.#flushRefusal(),
        roomRefusal: () => this.#roomRefusal(),
        dirty: (shard, soon) => this.#lane(shard.number).dirty(shard, soon),
        room: () => this.#passivation.room(),
        lost: (shard, reason) => {
          this.#lane(shard.number).forget(shard);
          this.#keeper.lost(shard, reason);
        },
        fault,
      },
    });
    this.#passivation = new Passivation(() => this.#keeper.serving(), clock, this.#options);
    this.#trimmer = new Trimmer(() => this.#keeper.serving(), journal, clock, this.#options, fault);
  }

  /** Claims the shards that placement gives this node, and keeps doing so. Resolves when each was tried. */
  async start(): Promise<void> {
    await this.#keeper.start();
    this.#passivation.start();
    this.#trimmer.start();
  }

  /** Commands to one actor, in order; one result each. */
  ask(request: AskRequest): Promise<Result[]> {
    const { kind: name, id, commands, budgetMs } = request;
    const kind = this.#kinds.get(name);
    const expiresAt = this.#parts.clock.monotonic() + budgetMs;
    if (kind === undefined) return all(commands, { code: 'not_found', reason: 'unknown_kind' });
    return this.#withShard(name, id, expiresAt, commands, (shard) => {
      return new Promise((resolve) => {
        const results: Result[] = new Array(commands.length);
        let left = commands.length;
        commands.forEach((command, index) => {
          const settle = (result: Result) => {
            results[index] = result;
            if (--left === 0) resolve(results);
          };
          shard.submit(kind as AnyKind, id, { command, expiresAt, settle });
        });
      });
    });
  }

  /** One read of an actor in memory; undefined: it is cold, and SQL read after this answer is the truth. */
  async peek(request: Omit<AskRequest, 'commands'> & { command: object }): Promise<Result | undefined> {
    const { kind, id, command, budgetMs } = request;
    const expiresAt = this.#parts.clock.monotonic() + budgetMs;
    let cold = false;
    const [result] = await this.#withShard(kind, id, expiresAt, [command], async (shard) => {
      const key = actorKey(kind, id);
      if (!shard.activations.has(key)) cold = await shard.cold(key);
      if (cold) return [];
      if (shard.closed) return all([command], { code: 'actor_moved' });
      return this.ask({ kind, id, commands: [command], budgetMs: expiresAt - this.#parts.clock.monotonic() });
    });
    return cold ? undefined : result;
  }

  /** Another node should own this shard: let it go, if it is ours and not needed here. */
  async release(shard: number): Promise<void> {
    if (this.#parts.placement.owner(shard) === this.#parts.node) return;
    const owned = this.#keeper.get(shard);
    if (owned !== undefined) await this.#release(owned, this.#options.refenceMs);
  }

  /**
   * Stops intake, finishes batches, flushes until half of the deadline, writes release records. What is
   * not flushed by then is the next owner's.
   */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    this.#keeper.stop();
    this.#passivation.stop();
    this.#trimmer.stop();
    const shards = [...this.#keeper.serving()];
    await Promise.all(shards.map((shard) => this.#release(shard, deadlineMs / 2)));
  }

  stats(): HostStats {
    const { clock } = this.#parts;
    const actors: Record<string, number> = {};
    for (const kind of this.#kinds.keys()) actors[kind] = 0;
    let unflushedEvents = 0;
    let waiting = 0;
    const now = clock.monotonic();
    let oldest = now;
    let journalAway = false;
    for (const shard of this.#keeper.serving()) {
      for (const activation of shard.activations.values()) {
        actors[activation.kind.name] = (actors[activation.kind.name] ?? 0) + 1;
        waiting += activation.waiting;
      }
      for (const item of shard.queue.items) unflushedEvents += item.events.length;
      oldest = Math.min(oldest, shard.queue.items[0]?.committedAt ?? oldest);
      journalAway ||= shard.appender.stalled;
    }
    return {
      shards: this.#keeper.states(),
      actors,
      unflushedEvents,
      unflushedBytes: this.#unflushedBytes(),
      flushLag: (now - oldest) / 1000,
      waiting,
      journalAway,
      flushFailing: this.#lanes.some((lane) => lane.failing),
    };
  }

  async #withShard(
    kind: string,
    id: string,
    expiresAt: number,
    commands: readonly object[],
    work: (shard: OwnedShard) => Promise<Result[]>,
  ): Promise<Result[]> {
    if (this.#draining) return all(commands, { code: 'actor_moved', reason: 'draining' });
    const number = shardOf(kind, id, this.#parts.shards);
    const shard = this.#keeper.get(number) ?? (await this.#keeper.wait(number, expiresAt));
    if ('refusal' in shard) return all(commands, shard.refusal);
    return work(shard);
  }

  async #release(shard: OwnedShard, flushMs: number): Promise<void> {
    const { clock } = this.#parts;
    this.#keeper.releasing(shard);
    const until = clock.monotonic() + flushMs;
    const finished = () => shard.closed || (shard.appender.batches.length === 0 && shard.queue.empty);
    while (!finished() && clock.monotonic() < until) {
      this.#lane(shard.number).dirty(shard, true);
      await sleep(clock, 5);
    }
    if (shard.closed) return;
    const held = { epoch: shard.epoch, newest: shard.appender.newest };
    const idle = shard.appender.batches.length === 0;
    shard.lose({ code: 'timeout', reason: 'draining' }, 'released');
    if (idle) await releaseShard(shard.number, held, this.#claimParts());
  }

  #lane(shard: number): FlushLane<Tx> {
    return this.#lanes[shard % this.#lanes.length] as FlushLane<Tx>;
  }

  #claimParts(): ClaimParts {
    const { node, journal, store, clock, placement } = this.#parts;
    const isLive = (other: string) => placement.isLive(other);
    const attempt = () => ++this.#attempts;
    return { node, journal, store: store as FlushStore, clock, options: this.#options, isLive, attempt };
  }

  #flushRefusal(): Refusal | undefined {
    if (!this.#lanes.some((lane) => lane.failing)) return undefined;
    return { code: 'unavailable', reason: 'database_away', retry_after_ms: 1000 };
  }

  #roomRefusal(): Refusal | undefined {
    if (this.#unflushedBytes() <= this.#options.unflushedBytes) return undefined;
    return { code: 'unavailable', reason: 'too_much_unflushed', retry_after_ms: 1000 };
  }

  #unflushedBytes(): number {
    let bytes = 0;
    for (const shard of this.#keeper.serving()) bytes += shard.queue.bytes;
    return bytes;
  }
}

function all(commands: readonly object[], refusal: Refusal): Promise<Result[]> {
  return Promise.resolve(commands.map(() => ({ refusal })));
}

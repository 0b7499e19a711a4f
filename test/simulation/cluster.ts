import { type Append, type Journal, JournalError } from '../../actors/journal/journal.ts';
import { createMemoryJournal, type MemoryJournal } from '../../actors/journal/memory-journal.ts';
import type { FlushStore } from '../../actors/runtime/flush-store.ts';
import { ActorHost } from '../../actors/runtime/host.ts';
import type { AnyKind } from '../../actors/runtime/kind.ts';
import { decodeRecord, type ShardRecord } from '../../actors/runtime/record.ts';
import type { Bus, Envelope } from '../../ops/bus/bus.ts';
import { createMemoryFlushStore, MemoryDatabase, type MemoryTx } from '../support/memory-flush-store.ts';
import type { Scheduler, Session } from './scheduler.ts';

/** Changes what a node is built of: how the seeded bugs get in. */
export interface Sabotage {
  /** Breaks the runtime itself for one run; gives back what mends it. */
  patch?(): () => void;
  journal?(journal: Journal): Journal;
  store?(store: FlushStore<MemoryTx>, database: MemoryDatabase): FlushStore<MemoryTx>;
}

export interface SimNode extends Session {
  host: ActorHost<MemoryTx>;
  endStore(): void;
  /** Which shards this node believes to be its own; `undefined`: it follows the cluster. */
  view: Set<number> | undefined;
  /** It was told to stop, and gets no more shards. */
  draining: boolean;
  /** It ended before it had finished. */
  killed: boolean;
}

export interface ClusterParts {
  scheduler: Scheduler;
  shards: number;
  /** Probability that one piece of I/O fails. */
  faults: number;
  /** Activations that a node may hold. */
  activations: number;
  kind(step: (statement: string) => Promise<void>): AnyKind<MemoryTx>;
  heard(envelope: Envelope): void;
  sabotage: Sabotage;
}

const journalReads = new Set(['newest', 'read', 'trim']);

/** Nodes over one journal and one database, all of whose I/O the scheduler decides. */
export class Cluster {
  readonly memory: MemoryJournal = createMemoryJournal({ exclusive: false });
  /** Every record that the journal ever kept, trimmed ones included, by position. */
  readonly kept = new Map<number, { shard: number; record: ShardRecord }>();
  readonly database = new MemoryDatabase();
  readonly nodes: SimNode[] = [];
  /** The node that should own each shard. */
  readonly owners: (string | undefined)[];
  calm = false;
  /** PostgreSQL answers nobody. */
  away = false;
  /** The journal has no room but its reserve. */
  full = false;
  readonly #parts: ClusterParts;
  #made = 0;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.owners = new Array(parts.shards).fill(undefined);
  }

  start(): SimNode {
    const { scheduler, shards, activations, kind, heard, sabotage } = this.#parts;
    const session: Session = { name: `n${++this.#made}`, dead: false, paused: false };
    const step = (label: string) => this.#io(session, label);
    const store = createMemoryFlushStore(this.database, { step });
    const journal = this.#journal(session);
    const host = new ActorHost<MemoryTx>({
      node: session.name,
      shards,
      journal: sabotage.journal?.(journal) ?? journal,
      store: sabotage.store?.(store, this.database) ?? store,
      kinds: [kind((label) => this.#io(session, label))],
      bus: this.#bus(session, heard),
      clock: guarded(scheduler, session),
      observer: {},
      placement: {
        owner: (shard) => (node.view?.has(shard) ? session.name : this.owners[shard]),
        isLive: (name) => this.nodes.some((one) => one.name === name && !one.dead && !one.paused),
        askRelease: (name, shard) => {
          const other = this.nodes.find((one) => one.name === name && !one.dead);
          void scheduler.step(session, 'ask release').then(() => other?.host.release(shard));
        },
      },
      options: {
        activations,
        lanes: 2,
        inDoubtMs: 5000,
        flushIntervalMs: 10,
        trimBehindMs: 2000,
        idleMs: 3000,
        sweepMs: 500,
      },
      log: () => {},
    });
    const node: SimNode = Object.assign(session, {
      host,
      endStore: () => store.end(),
      view: undefined,
      draining: false,
      killed: false,
    });
    this.nodes.push(node);
    void host.start();
    return node;
  }

  /** kill -9: nothing of it goes on, its transactions are rolled back, its locks are free. */
  kill(node: SimNode): void {
    node.dead = true;
    node.killed = true;
    this.#parts.scheduler.bury(node);
    node.endStore();
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  /** SIGTERM: it lets its shards go, and ends when that is done or its time is over. */
  async drain(node: SimNode, deadlineMs: number): Promise<void> {
    node.draining = true;
    await node.host.drain(deadlineMs);
    if (node.dead) return;
    this.kill(node);
    node.killed = false;
  }

  /** Hands every shard to one of these nodes. */
  place(nodes: readonly SimNode[]): void {
    for (let shard = 0; shard < this.owners.length; shard++)
      this.owners[shard] = nodes.length === 0 ? undefined : this.#parts.scheduler.pick(nodes).name;
  }

  async #io(session: Session, label: string): Promise<void> {
    const { scheduler, faults } = this.#parts;
    await scheduler.step(session, label);
    if (this.calm) return;
    const lost = this.away && !journalReads.has(label);
    if (lost || scheduler.chance(faults)) throw new Error(`connection lost at ${label}`);
  }

  #bus(session: Session, heard: (envelope: Envelope) => void): Bus {
    return {
      lossy: false,
      publish: (_subject, envelope) => {
        if (!session.dead) heard(envelope);
      },
      subscribe: () => () => {},
      settled: async () => {},
      onLoss: () => () => {},
      close: async () => {},
    };
  }

  /** A handle of the shared journal whose answers may be lost, late or refused. */
  #journal(session: Session): Journal {
    const { scheduler, faults } = this.#parts;
    const inner = this.memory.attach();
    const keep = async (request: Append): Promise<number> => {
      const position = await inner.append(request);
      this.kept.set(position, { shard: request.shard, record: decodeRecord(request.payload) });
      return position;
    };
    const append = async (request: Append): Promise<number> => {
      await scheduler.step(session, 'append');
      if (!this.calm && this.full && !request.reserved) throw new JournalError('full', 'full');
      if (!this.calm && scheduler.chance(faults)) {
        const fate = scheduler.random();
        if (fate < 0.2) throw new JournalError('full', 'full');
        if (fate < 0.5) await keep(request);
        else if (fate < 0.8)
          void scheduler
            .step({ name: 'wire', dead: false, paused: false }, 'late append')
            .then(() => keep(request).catch(() => {}));
        throw new JournalError('in_doubt', 'no answer');
      }
      const position = await keep(request);
      await scheduler.step(session, 'appended');
      return position;
    };
    return {
      id: inner.id,
      exclusive: false,
      append,
      newest: async (shard) => {
        await this.#io(session, 'newest');
        const record = await inner.newest(shard);
        await scheduler.step(session, 'newest read');
        return record;
      },
      read: async (shard, after, limit) => {
        await this.#io(session, 'read');
        return inner.read(shard, after, limit);
      },
      trim: async (shard, position) => {
        await this.#io(session, 'trim');
        return inner.trim(shard, position);
      },
      close: async () => {},
    };
  }
}

/** The clock of one node: its timers stop with it, and wait while it is paused. */
function guarded(scheduler: Scheduler, session: Session) {
  const { clock } = scheduler;
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after(ms: number, task: () => void): () => void {
      return clock.after(ms, () => {
        if (session.paused) void scheduler.step(session, 'timer').then(task);
        else if (!session.dead) task();
      });
    },
  };
}

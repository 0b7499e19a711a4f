import type { Result } from '../../actors/client/ask.ts';
import type { Append, Journal } from '../../actors/journal/journal.ts';
import { createMemoryJournal, type MemoryJournal } from '../../actors/journal/memory-journal.ts';
import { ActorHost, type HostParts } from '../../actors/runtime/host.ts';
import { type AnyKind, anyKind } from '../../actors/runtime/kind.ts';
import { decodeRecord, type ShardRecord } from '../../actors/runtime/record.ts';
import type { Placement } from '../../actors/runtime/view.ts';
import type { Bus } from '../../ops/bus/bus.ts';
import { createLocalBus } from '../../ops/bus/local-bus.ts';
import { type LedgerCommand, LedgerTable, ledgerKind } from './ledger-kind.ts';
import { createMemoryFlushStore, MemoryDatabase, type MemoryTx } from './memory-flush-store.ts';
import { settled, VirtualClock } from './virtual-clock.ts';

/** A journal whose appends a test can hold back, fail, or watch. */
class HeldJournal implements Journal {
  readonly id: string;
  readonly exclusive: boolean;
  readonly appends: Append[] = [];
  /** Asked before each append; a rejection is what the runtime sees. */
  before: (append: Append) => Promise<void> = async () => {};
  /** Asked after an append was kept. */
  after: (append: Append) => Promise<void> = async () => {};
  /** Asked before the newest record is read. */
  beforeNewest: () => Promise<void> = async () => {};
  beforeTrim: () => Promise<void> = async () => {};
  readonly trims: { shard: number; position: number }[] = [];
  readonly inner: MemoryJournal;
  #held: { append: Append; go: () => void }[] | undefined;

  constructor(inner: MemoryJournal) {
    this.inner = inner;
    this.id = inner.id;
    this.exclusive = inner.exclusive;
  }

  /** Batches wait from now on, until `release`. Claims and releases pass. */
  hold(): void {
    this.#held ??= [];
  }

  get held(): Append[] {
    return (this.#held ?? []).map((one) => one.append);
  }

  async release(): Promise<void> {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const one of held) one.go();
    await settled();
  }

  async append(append: Append): Promise<number> {
    this.appends.push(append);
    await this.before(append);
    if (this.#held !== undefined && !append.reserved)
      await new Promise<void>((go) => this.#held?.push({ append, go }));
    const position = await this.inner.append(append);
    await this.after(append);
    return position;
  }

  async newest(shard: number) {
    await this.beforeNewest();
    return this.inner.newest(shard);
  }

  read(shard: number, after: number, limit: number) {
    return this.inner.read(shard, after, limit);
  }

  async trim(shard: number, position: number) {
    await this.beforeTrim();
    this.trims.push({ shard, position });
    return this.inner.trim(shard, position);
  }

  close() {
    return this.inner.close();
  }
}

export interface World {
  clock: VirtualClock;
  memory: MemoryJournal;
  database: MemoryDatabase;
  table: LedgerTable;
}

export function createWorld(exclusive = true, maxBytes = Number.POSITIVE_INFINITY): World {
  return {
    clock: new VirtualClock(),
    memory: createMemoryJournal({ exclusive, maxBytes }),
    database: new MemoryDatabase(),
    table: new LedgerTable(),
  };
}

export interface NodeOptions {
  node?: string;
  shards?: number;
  options?: HostParts<MemoryTx>['options'];
  placement?: Placement;
  /** Default: the ledger. */
  kinds?: readonly AnyKind<MemoryTx>[];
  /** Default: one of its own that loses nothing. */
  bus?: Bus;
  /** Awaited before each statement of the store and the kind. */
  step?(statement: string): Promise<void>;
}

/** One node on a world: a host with the ledger kind, and everything that left it. */
export function createNode(
  world: World,
  { node = 'n1', shards = 1, options = {}, placement, kinds, step, bus = createLocalBus() }: NodeOptions = {},
) {
  const journal = new HeldJournal(world.memory.attach());
  const frames: { subject: string; seq: number }[] = [];
  const logs: string[] = [];
  const buried: string[] = [];
  const batches: number[] = [];
  const observed: string[] = [];
  const store = createMemoryFlushStore(world.database, step && { step });
  const host = new ActorHost<MemoryTx>({
    node,
    shards,
    journal,
    store,
    kinds: kinds ?? [anyKind(ledgerKind(world.table, step && { step }))],
    bus,
    clock: world.clock,
    observer: {
      batch: (events) => void batches.push(events),
      buried: (kind) => void buried.push(kind),
      loaded: (kind) => void observed.push(`loaded ${kind}`),
      stored: () => void observed.push('stored'),
      flush: (events) => void observed.push(`flush ${events}`),
      flushFailed: () => void observed.push('flush failed'),
      refused: () => void observed.push('refused'),
    },
    placement: placement ?? { owner: () => node, isLive: (other) => other === node, askRelease: () => {} },
    options: { lanes: 1, flushIntervalMs: 25, ...options },
    log: (level, message) => void logs.push(`${level}: ${message}`),
  });

  function listen(id: string): void {
    for (const subject of [`ledger.${id}`, `stored.${id}`])
      bus.subscribe(
        subject,
        ({ frame }) => void frames.push({ subject, seq: JSON.parse(String(frame)).seq }),
      );
  }

  /** Sends commands in one ask; the results appear as they are given. */
  function ask(id: string, commands: LedgerCommand[], budgetMs = 60_000) {
    const asked: { results: Result[] | undefined; done: Promise<Result[]> } = {
      results: undefined,
      done: host.ask({ kind: 'ledger', id, commands, budgetMs }),
    };
    void asked.done.then((results) => {
      asked.results = results;
    });
    return asked;
  }

  async function put(id: string, key: string, more: Partial<LedgerCommand> = {}): Promise<Result> {
    const [result] = await ask(id, [{ type: 'put', by: 'ann', key, ...more } as LedgerCommand]).done;
    return result as Result;
  }

  /** Starts claiming; what can be done without time passing is done. */
  async function start(): Promise<void> {
    void host.start();
    await world.clock.advance(0);
  }

  return {
    world,
    host,
    journal,
    bus,
    frames,
    logs,
    buried,
    batches,
    observed,
    store,
    ask,
    put,
    start,
    listen,
  };
}

export type Node = ReturnType<typeof createNode>;

/** A node that has begun to claim, and sees itself alone unless it is told otherwise. */
export async function startNode(world: World, node: string, options: NodeOptions = {}): Promise<Node> {
  const made = createNode(world, { node, placement: view(node, [node]), ...options });
  await made.start();
  return made;
}

/** For `step`: fails a statement as often as the map says of it. */
export function failSteps(fails: Map<string, number>) {
  return async (statement: string): Promise<void> => {
    const left = fails.get(statement) ?? 0;
    if (left <= 0) return;
    fails.set(statement, left - 1);
    throw new Error(`connection lost at ${statement}`);
  };
}

export function records(world: World, shard = 0): ShardRecord[] {
  return world.memory.records(shard).map((record) => decodeRecord(record.payload));
}

export function seqOf(result: Result | undefined): number | undefined {
  return result !== undefined && 'reply' in result ? (result.reply as { seq: number }).seq : undefined;
}

export function codeOf(result: Result | undefined): string | undefined {
  return result !== undefined && 'refusal' in result ? result.refusal.code : undefined;
}

/** A view in which `owner` should have every shard, and `live` are seen. */
export function view(owner: string, live: string[]): Placement & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    owner: () => owner,
    isLive: (node) => live.includes(node),
    askRelease: (node) => void asked.push(node),
  };
}

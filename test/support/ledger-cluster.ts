import { createActors } from '../../actors/client/actors.ts';
import type { Actors } from '../../actors/client/ask.ts';
import { createShardMap, followMembership, type ShardMap } from '../../actors/client/placement.ts';
import { createMemoryJournal } from '../../actors/journal/memory-journal.ts';
import { actorActions, actorsService, createAskRelease } from '../../actors/runtime/host.service.ts';
import { ActorHost } from '../../actors/runtime/host.ts';
import { anyKind } from '../../actors/runtime/kind.ts';
import { type Broker, createBroker, createNodeCall, type NodeCall } from '../../ops/broker/broker.ts';
import { createMembership, type Member, type Membership } from '../../ops/broker/membership.ts';
import { createLocalBus } from '../../ops/bus/local-bus.ts';
import { systemClock as clock } from '../../ops/process/clock.ts';
import { createLogger } from '../../ops/telemetry/logger.ts';
import { type DistantNode, startDistantNode } from './distant-node.ts';
import { eventually } from './eventually.ts';
import { type LedgerCommand, LedgerTable, ledgerKind } from './ledger-kind.ts';
import { createMemoryFlushStore, MemoryDatabase, type MemoryTx } from './memory-flush-store.ts';

const clusterShards = 16;

interface RunningNode {
  node: string;
  host: ActorHost<MemoryTx>;
  /** SIGTERM: announces it, hands its shards on, leaves. */
  drain(): Promise<void>;
  /** Ends what is left of it. */
  end(): Promise<void>;
}

/**
 * Nodes with ledgers on one journal and one database, which are in this process; each speaks through a broker
 * of its own, over a real NATS. The broker of a distant one is in another process, which can be killed.
 */
export class LedgerCluster {
  readonly table = new LedgerTable();
  readonly nodes: RunningNode[] = [];
  membership!: Membership;
  actors!: Actors;
  readonly #database = new MemoryDatabase();
  readonly #memory = createMemoryJournal({ exclusive: false });
  readonly #natsUrl: string;
  #gateway!: Broker;

  constructor(natsUrl: string) {
    this.#natsUrl = natsUrl;
  }

  /** The node from which is asked; it runs no actors. */
  async start(): Promise<void> {
    this.#gateway = this.#broker('gateway');
    this.membership = createMembership(this.#gateway);
    await this.#gateway.start();
    const map = createShardMap(clusterShards);
    followMembership(map, this.membership);
    this.actors = createActors({
      callNode: createNodeCall(this.#gateway),
      map,
      shards: clusterShards,
      clock,
      random: Math.random,
      budgetMs: 5000,
      observe() {},
    });
  }

  async join(node: string): Promise<RunningNode> {
    const broker = this.#broker(node);
    const membership = createMembership(broker);
    const map = createShardMap(clusterShards);
    const host = this.#host(node, map, createNodeCall(broker));
    broker.joined?.serve(actorActions(host));
    broker.createService(actorsService(host));
    await broker.start();
    membership.enter(['actors']);
    followMembership(map, membership, () => host.placementChanged());
    await host.start();
    return this.#joined({
      node,
      host,
      async drain() {
        membership.drain();
        await host.drain(5000);
        await broker.stop();
      },
      async end() {
        if (broker.started) await broker.stop();
        await host.drain(0);
      },
    });
  }

  async joinDistant(node: string): Promise<RunningNode & { distant: DistantNode }> {
    const map = createShardMap(clusterShards);
    const host = this.#host(node, map, createNodeCall(this.#gateway));
    const actions = actorActions(host);
    let seen: readonly Member[] = [];
    const view: Membership = {
      members: () => seen,
      onChange: (listener) => {
        changed = listener;
        return () => {};
      },
      enter() {},
      drain() {},
    };
    let changed = () => {};
    followMembership(map, view, () => host.placementChanged());
    const distant = await startDistantNode({
      node,
      natsUrl: this.#natsUrl,
      roles: ['actors'],
      async door(action, params, budget_ms) {
        const meta = { request_id: 'distant', budget_ms };
        if (action === 'ask') return actions['actors.ask'](params as never, meta);
        if (action === 'peek') return actions['actors.peek'](params as never, meta);
        return host.release((params as { shard: number }).shard);
      },
      seen(members) {
        seen = members;
        changed();
      },
    });
    await host.start();
    return Object.assign(
      this.#joined({
        node,
        host,
        drain: () => Promise.reject(new Error('a distant node is for killing')),
        async end() {
          await distant.kill();
          await host.drain(0);
        },
      }),
      { distant },
    );
  }

  /** Resolves when these nodes, and no others, serve all shards. */
  async settled(names: readonly string[], withinMs = 10_000): Promise<void> {
    await eventually(() => {
      const live = this.membership.members().filter(({ roles }) => roles.includes('actors'));
      const serving = this.nodes
        .filter(({ node }) => names.includes(node))
        .map(({ host }) => host.stats().shards.serving ?? 0);
      const sum = serving.reduce((one, other) => one + other, 0);
      const seen = live.map(({ id }) => id).join();
      return (seen === [...names].sort().join() && sum === clusterShards) || `${seen}: ${serving.join()}`;
    }, withinMs);
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((one) => one.end()));
    await this.#gateway.stop();
  }

  #joined<Node extends RunningNode>(node: Node): Node {
    this.nodes.push(node);
    return node;
  }

  #broker(nodeId: string): Broker {
    const logger = createLogger('fatal');
    return createBroker({ nodeId, logger, requestTimeoutMs: 5000, natsUrl: this.#natsUrl });
  }

  #host(node: string, map: ShardMap, callNode: NodeCall): ActorHost<MemoryTx> {
    const ledger = ledgerKind(this.table);
    const put = (command: LedgerCommand) =>
      ((command.type as string) === 'message.send' ? { ...command, type: 'put' } : command) as LedgerCommand;
    return new ActorHost<MemoryTx>({
      node,
      shards: clusterShards,
      journal: this.#memory.attach(),
      store: createMemoryFlushStore(this.#database),
      kinds: [
        anyKind({
          ...ledger,
          // Its puts are kept once by their key, so they may be repeated as a message may.
          decide: (state, command: LedgerCommand, now) => ledger.decide(state, put(command), now),
        }),
      ],
      bus: createLocalBus(),
      clock,
      observer: {},
      placement: { owner: map.owner, isLive: map.isLive, askRelease: createAskRelease(callNode) },
      options: { lanes: 1, flushIntervalMs: 20 },
      log() {},
    });
  }
}

interface Line {
  id: string;
  acked: { key: string; seq: number; at: number }[];
  refused: string[];
}

/** Somebody who writes to each of these ledgers, a few times a second, and repeats what was not acked. */
export class Trickle {
  readonly lines: Line[];
  readonly #cluster: LedgerCluster;
  #ending = false;
  readonly #done: Promise<unknown>;

  constructor(cluster: LedgerCluster, ids: readonly string[]) {
    this.#cluster = cluster;
    this.lines = ids.map((id) => ({ id, acked: [], refused: [] }));
    this.#done = Promise.all(this.lines.map((line) => this.#write(line)));
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.#done;
  }

  /** Waits until every ledger was acked so many times more. */
  async goesOn(times = 5): Promise<void> {
    const wanted = this.lines.map(({ acked }) => acked.length + times);
    await eventually(() => {
      const behind = this.lines.filter(({ acked }, at) => acked.length < (wanted[at] ?? 0));
      return behind.length === 0 || `no acks of ${behind.map(({ id }) => id).join()}`;
    });
  }

  /** Milliseconds between two acks of one ledger, the most of all; without those that `heldUp` tells of that time. */
  longestGap(heldUp: (from: number, to: number) => number = () => 0): number {
    const gaps = this.lines.flatMap(({ acked }) =>
      acked.slice(1).map(({ at }, index) => {
        const from = acked[index]?.at ?? at;
        return at - from - heldUp(from, at);
      }),
    );
    return Math.max(...gaps);
  }

  /** What acks and ledgers say against each other; nothing when all is well. */
  complaints(): string[] {
    return this.lines.flatMap(({ id, acked }) => {
      const rows = this.#cluster.table.of(id);
      const keys = [...rows.values()];
      const found = acked
        .filter(({ key, seq }) => rows.get(seq) !== key)
        .map(({ key, seq }) => `${id}: ${key} was acked at ${seq}, where ${rows.get(seq)} is`);
      if (new Set(keys).size !== keys.length) found.push(`${id}: a key is there twice`);
      if (Math.max(0, ...rows.keys()) !== rows.size) found.push(`${id}: a seq is missing`);
      if (keys.length !== acked.length) found.push(`${id}: ${keys.length} are there, ${acked.length} acked`);
      return found;
    });
  }

  async #write({ id, acked, refused }: Line): Promise<void> {
    for (let count = 1; !this.#ending; count++) {
      const key = `${id}/${count}`;
      for (;;) {
        const command = { type: 'message.send', by: 'ann', key };
        const [result] = await this.#cluster.actors.ask('ledger', id, [command]);
        if (result !== undefined && 'reply' in result) {
          acked.push({ key, seq: (result.reply as { seq: number }).seq, at: performance.now() });
          break;
        }
        refused.push(result?.refusal.code ?? 'nothing');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }
}

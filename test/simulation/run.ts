import { chatKind } from '../../actors/chat/kind.ts';
import { type AnyKind, anyKind } from '../../actors/runtime/kind.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import { ChatTables, createMemoryChatStore } from '../support/memory-chat-store.ts';
import { type MemoryTx, PoisonError } from '../support/memory-flush-store.ts';
import { brokenPromises } from './check.ts';
import { Clients, isPoisonous } from './clients.ts';
import { Cluster, type Sabotage } from './cluster.ts';
import { Scheduler } from './scheduler.ts';

export interface RunResult extends Counts {
  broken: string[];
  acked: number;
  unknown: number;
  buried: number;
  steps: number;
}

interface Counts {
  kills: number;
  pauses: number;
  drains: number;
  outages: number;
}

const shards = 2;
const chats = ['chat-a', 'chat-b', 'chat-c'];
const users = ['user-1', 'user-2', 'user-3', 'user-4'];
const tail = { messages: 5, chars: 2000 };
const mostTurns = 40_000;
const mostNodes = 3;

/** One whole life of a small cluster, decided by a seed: faults, then calm, then the checks. */
export async function simulate(seed: number, sabotage: Sabotage = {}): Promise<RunResult> {
  const mend = sabotage.patch?.();
  try {
    return await live(seed, sabotage);
  } finally {
    mend?.();
  }
}

async function live(seed: number, sabotage: Sabotage): Promise<RunResult> {
  const scheduler = new Scheduler(seed);
  const tables = new ChatTables();
  const heard: Message[] = [];
  const cluster = new Cluster({
    scheduler,
    shards,
    faults: scheduler.pick([0, 0.005, 0.02]),
    activations: scheduler.pick([1, 2, 100]),
    kind: (step) => poisonable(chatKind(createMemoryChatStore(tables, { step }), { tail })),
    heard: ({ frame }) => {
      const event = JSON.parse(frame) as Message & { type: string };
      if (event.type === 'message.new' || event.type === 'message.changed') heard.push(event);
    },
    sabotage,
  });
  const unborn = scheduler.chance(0.1) ? 'chat-c' : undefined;
  const clients = new Clients({ scheduler, cluster, tables, shards, chats, unborn, users, sendsEach: 10 });
  const count: Counts = { kills: 0, pauses: 0, drains: 0, outages: 0 };
  const disturb = disturber(scheduler, cluster, count);

  cluster.start();
  cluster.place(cluster.nodes);
  clients.start();
  for (let turns = 0; clients.left > 0 && turns < mostTurns; turns++) {
    disturb();
    await scheduler.turn();
  }
  const broken = clients.left > 0 ? ['9: the clients never finished'] : [];

  // Calm: every node goes in good order, and one fresh node takes everything over and flushes it.
  cluster.calm = true;
  for (const node of cluster.nodes) node.paused = false;
  const leaving = [...cluster.nodes];
  const last = cluster.start();
  cluster.place([last]);
  for (const node of leaving) if (!node.draining) void cluster.drain(node, 10_000);
  const settled = () => {
    const { shards: states, unflushedEvents, unflushedBytes, waiting } = last.host.stats();
    const idle = unflushedEvents + unflushedBytes + waiting === 0;
    return cluster.nodes.length === 1 && states.serving === shards && idle;
  };
  for (let turns = 0; !settled() && turns < mostTurns; turns++) await scheduler.turn();
  for (let turns = 0; turns < 200; turns++) await scheduler.turn();
  if (!settled()) broken.push('9: the cluster never came to rest');
  if (clients.unanswered > 0) broken.push(`9: ${clients.unanswered} asks were never answered`);

  broken.push(...clients.complaints, ...brokenPromises({ sends: clients.sends, heard, cluster, tables }));
  const outcomes = (outcome: string) => clients.sends.filter((send) => send.outcome === outcome).length;
  return {
    broken,
    acked: outcomes('acked'),
    unknown: outcomes('unknown'),
    buried: cluster.database.deadLetters.length,
    ...count,
    steps: scheduler.steps,
  };
}

/** Chats whose poisonous texts PostgreSQL refuses. */
function poisonable(kind: ReturnType<typeof chatKind<MemoryTx>>): AnyKind<MemoryTx> {
  return anyKind({
    ...kind,
    async project(tx: MemoryTx, batch: Parameters<typeof kind.project>[1]) {
      if (batch.events.some(({ event }) => isPoisonous(event))) throw new PoisonError('refused');
      await kind.project(tx, batch);
    },
  });
}

/** Kills, pauses, starts, stops, outages and moves, each now and then. */
function disturber(scheduler: Scheduler, cluster: Cluster, count: Counts): () => void {
  const rate = scheduler.pick([0.001, 0.004, 0.01]);
  const kinds = [
    'kill',
    'start',
    'pause',
    'resume',
    'resume',
    'move',
    'view',
    'drain',
    'away',
    'full',
  ] as const;
  const outage = (what: 'away' | 'full') => {
    cluster[what] = true;
    count.outages++;
    scheduler.clock.after(scheduler.pick([300, 3000, 20_000]), () => {
      cluster[what] = false;
    });
  };
  return () => {
    if (!scheduler.chance(rate)) return;
    const node = scheduler.pick(cluster.nodes);
    const what = scheduler.pick(kinds);
    switch (what) {
      case 'kill':
        cluster.kill(node);
        count.kills++;
        break;
      case 'start':
        if (cluster.nodes.length < mostNodes) cluster.start();
        break;
      case 'pause':
        node.paused = true;
        count.pauses++;
        break;
      case 'resume':
        for (const one of cluster.nodes) one.paused = false;
        break;
      case 'view':
        node.view = node.view === undefined ? new Set([0]) : undefined;
        break;
      case 'drain':
        if (node.draining || node.paused) break;
        void cluster.drain(node, scheduler.pick([200, 2000, 10_000]));
        count.drains++;
        break;
      case 'away':
      case 'full':
        outage(what);
        break;
    }
    const working = () => cluster.nodes.filter((one) => !one.paused && !one.draining);
    if (working().length === 0) cluster.start();
    cluster.place(working());
  };
}

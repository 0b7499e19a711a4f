import { chatKind } from '../../actors/chat/kind.ts';
import { anyKind } from '../../actors/runtime/kind.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import { ChatTables, createMemoryChatStore } from '../support/memory-chat-store.ts';
import { brokenPromises } from './check.ts';
import { Clients } from './clients.ts';
import { Cluster, type Sabotage } from './cluster.ts';
import { Scheduler } from './scheduler.ts';

export interface RunResult {
  broken: string[];
  acked: number;
  unknown: number;
  kills: number;
  pauses: number;
  steps: number;
}

const shards = 2;
const chats = ['chat-a', 'chat-b', 'chat-c'];
const users = ['user-1', 'user-2', 'user-3', 'user-4'];
const mostTurns = 20_000;
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
  const faults = scheduler.pick([0, 0.005, 0.02]);
  const cluster = new Cluster({
    scheduler,
    shards,
    faults,
    kind: (step) =>
      anyKind(chatKind(createMemoryChatStore(tables, { step }), { tail: { messages: 5, chars: 2000 } })),
    heard: ({ frame }) => {
      const event = JSON.parse(frame) as Message & { type: string };
      if (event.type === 'message.new' || event.type === 'message.changed') heard.push(event);
    },
    sabotage,
  });
  const clients = new Clients({ scheduler, cluster, tables, shards, chats, users, sendsEach: 10 });
  const count = { kills: 0, pauses: 0 };
  const disturb = disturber(scheduler, cluster, count);

  cluster.start();
  cluster.place(cluster.nodes);
  clients.start();
  for (let turns = 0; clients.left > 0 && turns < mostTurns; turns++) {
    disturb();
    await scheduler.turn();
  }
  const broken = clients.left > 0 ? ['9: the clients never finished'] : [];

  // Calm: one fresh node takes everything over and flushes it.
  cluster.calm = true;
  for (const node of [...cluster.nodes]) cluster.kill(node);
  const last = cluster.start();
  cluster.place([last]);
  const settled = () => {
    const stats = last.host.stats();
    return stats.shards.serving === shards && stats.unflushedEvents === 0;
  };
  for (let turns = 0; !settled() && turns < mostTurns; turns++) await scheduler.turn();
  for (let turns = 0; turns < 200; turns++) await scheduler.turn();
  if (!settled()) broken.push('9: the cluster never came to rest');

  broken.push(...clients.complaints, ...brokenPromises({ sends: clients.sends, heard, cluster, tables }));
  const outcomes = (outcome: string) => clients.sends.filter((send) => send.outcome === outcome).length;
  return { broken, acked: outcomes('acked'), unknown: outcomes('unknown'), ...count, steps: scheduler.steps };
}

/** Kills, pauses, starts and moves, each now and then. */
function disturber(
  scheduler: Scheduler,
  cluster: Cluster,
  count: { kills: number; pauses: number },
): () => void {
  const rate = scheduler.pick([0.001, 0.004, 0.01]);
  return () => {
    if (!scheduler.chance(rate)) return;
    const node = scheduler.pick(cluster.nodes);
    switch (scheduler.pick(['kill', 'start', 'pause', 'resume', 'resume', 'move', 'view'])) {
      case 'kill':
        cluster.kill(node);
        count.kills++;
        if (cluster.nodes.length === 0) cluster.start();
        break;
      case 'start':
        if (cluster.nodes.length < mostNodes) cluster.start();
        break;
      case 'pause':
        node.paused = true;
        count.pauses++;
        if (cluster.nodes.every((one) => one.paused)) cluster.start();
        break;
      case 'resume':
        for (const one of cluster.nodes) one.paused = false;
        break;
      case 'view':
        node.view = node.view === undefined ? new Set([0]) : undefined;
        break;
    }
    cluster.place(cluster.nodes.filter((one) => !one.paused));
  };
}

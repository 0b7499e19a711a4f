import { setTimeout as pause } from 'node:timers/promises';
import type { Node } from '../../ops/cluster/node.ts';
import { limits } from '../../schemas/limits.ts';
import { eventually } from '../support/eventually.ts';
import { noMischief } from './nats-meddler.ts';
import type { Stage } from './stage.ts';
import { storageFaults } from './storage-faults.ts';
import type { Town } from './town.ts';

/** What is done to a cluster while people write. It ends with everything whole again. */
export interface Fault {
  name: string;
  /** Seconds that it takes, about. */
  seconds: number;
  /** `alone`: nothing else is done at the same time. */
  run(stage: Stage, random: () => number, town: Town, alone: boolean): Promise<void>;
}

const away = 1500;
const longTexts = Array.from({ length: 30 }, (_, n) => `${n} `.padEnd(limits.messageText, 'x'));
const hourMs = 3_600_000;
/** Longer than heartbeats, pings and appends may take. */
const longer = 5000;

export const faults = {
  actorsKilled: {
    name: 'an actors node is killed',
    seconds: 2,
    run: (stage, random) => killed(pick(stage.nodes('actors'), random)),
  },
  gatewayKilled: {
    name: 'a gateway is killed',
    seconds: 2,
    run: (stage, random) => killed(pick(stage.nodes('gateway'), random)),
  },
  actorsKilledMidway: {
    name: 'an actors node is killed while its appends are on their way',
    seconds: 3,
    async run(stage, random) {
      const node = pick(stage.nodes('actors'), random);
      stage.links(node).nats.holdFrom('suhbat journal');
      await pause(400);
      stage.links(node).nats.cut();
      await killed(node, () => stage.links(node).nats.heal());
    },
  },
  servicesKilled: {
    name: 'the services process is killed',
    seconds: 2,
    run: (stage, random) => killed(pick(stage.nodes('services'), random)),
  },
  natsKilled: {
    name: 'nats-server is killed',
    seconds: 2,
    run: ({ cluster }) => killedServer(cluster.nats),
  },
  redisKilled: {
    name: 'redis-server is killed',
    seconds: 2,
    run: ({ cluster }) => killedServer(cluster.redis),
  },
  postgresKilled: {
    name: 'PostgreSQL is killed',
    seconds: 2,
    async run({ cluster }) {
      const pid = cluster.postgres.pid();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      await pause(away);
    },
  },
  actorsPaused2: { name: 'an actors node is paused for 2 s', seconds: 2, run: pausedActors(2000) },
  actorsPaused10: { name: 'an actors node is paused for 10 s', seconds: 10, run: pausedActors(10_000) },
  actorsPaused40: { name: 'an actors node is paused for 40 s', seconds: 40, run: pausedActors(40_000) },
  actorsCutFromNats: {
    name: 'an actors node is cut off from NATS',
    seconds: 5,
    async run(stage, random) {
      const { nats } = stage.links(pick(stage.nodes('actors'), random));
      nats.cut();
      await pause(longer);
      nats.heal();
    },
  },
  actorsDeaf: {
    name: 'an actors node hears nothing from NATS',
    seconds: 5,
    async run(stage, random) {
      const { nats } = stage.links(pick(stage.nodes('actors'), random));
      nats.hold('down');
      await pause(longer);
      nats.heal();
    },
  },
  actorsDumb: {
    name: 'what an actors node says does not reach NATS',
    seconds: 5,
    async run(stage, random) {
      const { nats } = stage.links(pick(stage.nodes('actors'), random));
      nats.hold('up');
      await pause(longer);
      nats.heal();
    },
  },
  actorsCutFromPostgres: {
    name: 'an actors node is cut off from PostgreSQL',
    seconds: 5,
    async run(stage, random) {
      const { postgres } = stage.links(pick(stage.nodes('actors'), random));
      postgres.cut();
      await pause(longer);
      postgres.heal();
    },
  },
  actorsSlow: {
    name: 'whatever goes from and to an actors node takes 200 ms',
    seconds: 5,
    async run(stage, random) {
      const links = Object.values(stage.links(pick(stage.nodes('actors'), random)));
      for (const link of links) link.slow(200);
      await pause(longer);
      for (const link of links) link.heal();
    },
  },
  natsPaused: {
    name: 'NATS is paused for longer than an append may take',
    seconds: 5,
    async run({ cluster }) {
      cluster.nats.signal('SIGSTOP');
      await pause(5000);
      cluster.nats.signal('SIGCONT');
    },
  },
  postgresAway5: { name: 'PostgreSQL is away for 5 s', seconds: 5, run: postgresAway(5000) },
  postgresAway60: { name: 'PostgreSQL is away for 60 s', seconds: 60, run: postgresAway(60_000) },
  scaled: {
    name: 'actors grow from two to five and shrink to two again',
    seconds: 15,
    async run(stage) {
      const before = stage.nodes('actors').filter(({ state }) => state === 'ready');
      await Promise.all([1, 2, 3].map(() => stage.cluster.add('actors')));
      await pause(3000);
      // One that was there before stays, and one that came.
      const [, ...leave] = [...before, ...stage.nodes('actors').slice(-2)];
      await Promise.all(leave.map((node) => node.end()));
    },
  },
  viewsDisagree: {
    name: 'an actors node takes another one for dead, whom all others see',
    seconds: 8,
    async run(stage, random) {
      const from = pick(stage.nodes('actors'), random);
      const other = pick(
        stage.nodes('actors').filter((node) => node !== from),
        random,
      );
      stage.hide(from, other);
      // Longer than it takes to call a silent node dead, and one that was fenced to come back.
      await pause(8000);
      stage.hide(from);
    },
  },
  clockOff: {
    name: 'the clock of an actors node is an hour fast, then an hour slow',
    seconds: 5,
    async run(stage, random) {
      const node = pick(stage.nodes('actors'), random);
      for (const ms of [hourMs, -hourMs]) {
        await stage.shiftClock(node, ms);
        await pause(2500);
      }
      await stage.shiftClock(node, 0);
    },
  },
  slowReaders: {
    name: 'some devices ask for a lot and read none of it',
    seconds: 4,
    async run(stage, _, town) {
      const { balancer } = stage;
      const devices = [await town.device(balancer.slowUrl), await town.device(balancer.slowUrl)];
      await Promise.all(
        devices.flatMap(({ owner, chat }) => longTexts.map((text) => owner.send(chat, text))),
      );
      const before = await stage.count('suhbat_slow_clients_closed_total');
      balancer.stall(true);
      try {
        await eventually(async () => {
          // They fill the sockets of kernel and gateway, besides what the others write to them.
          for (const { client, chat } of devices) client.history(chat, { limit: 200 }).catch(() => undefined);
          const closed = (await stage.count('suhbat_slow_clients_closed_total')) - before;
          return closed >= devices.length || `${closed} devices were closed`;
        }, 30_000);
      } finally {
        balancer.stall(false);
      }
    },
  },
  rolled: {
    name: 'every process is rolled',
    seconds: 20,
    async run(stage, _, town, alone) {
      // What the fault before has left is none of this one's.
      await town.rest();
      town.write();
      const watch = await town.watchRequests();
      try {
        for (const node of [...stage.cluster.nodes]) {
          if (node.state === 'down') continue;
          await node.end();
          await supervised(node);
          await pause(500);
        }
        await town.rest();
      } finally {
        watch.stop();
      }
      const why = await watch.failed();
      town.write();
      if (alone && why.length > 0)
        throw new Error(`${why.length} requests failed: ${[...new Set(why)].join(', ')}`);
    },
  },
  reconnectStorm: {
    name: 'every client loses its connection',
    seconds: 1,
    async run({ balancer }) {
      balancer.endAll();
      await pause(500);
    },
  },
  silence: {
    name: 'the last frames of the bus are lost before everybody falls silent',
    seconds: 8,
    async run(stage, _, town) {
      stage.meddle({ drop: 1, double: 0, swap: 0 });
      await pause(500);
      await town.rest();
      await pause(500);
      stage.meddle(noMischief);
      await pause(6000);
      town.write();
    },
  },
  zombieFlusher: {
    name: 'an actors node that was flushing is paused, and wakes when all is written',
    seconds: 20,
    async run(stage, random, town) {
      const node = pick(stage.nodes('actors'), random);
      const { postgres } = stage.links(node);
      postgres.hold('up', 'down');
      await pause(1500);
      node.pause();
      postgres.heal();
      await pause(8000);
      await town.rest();
      await pause(2000);
      node.resume();
      await pause(4000);
      town.write();
    },
  },
  badBus: {
    name: 'frames of the bus are lost, doubled and swapped',
    seconds: 5,
    async run(stage) {
      stage.meddle({ drop: 0.05, double: 0.05, swap: 0.05 });
      await pause(6000);
      stage.meddle(noMischief);
    },
  },
  ...storageFaults,
} satisfies Record<string, Fault>;

async function killed(node: Node, before = () => {}): Promise<void> {
  await node.kill();
  await pause(away);
  before();
  await supervised(node);
}

/** One that does not find PostgreSQL in time ends, and whoever looks after it starts it again. */
async function supervised(node: Node): Promise<void> {
  const started = () => node.start();
  await started().catch(started).catch(started);
}

async function killedServer(server: { kill(): Promise<void>; start(): Promise<void> }): Promise<void> {
  await server.kill();
  await pause(away);
  await server.start();
}

function pausedActors(ms: number): Fault['run'] {
  return async (stage, random) => {
    const node = pick(stage.nodes('actors'), random);
    node.pause();
    await pause(ms);
    node.resume();
  };
}

function postgresAway(ms: number): Fault['run'] {
  return async (stage) => {
    const links = stage.cluster.nodes.map((node) => stage.links(node).postgres);
    for (const link of links) link.cut();
    await pause(ms);
    for (const link of links) link.heal();
  };
}

function pick(nodes: readonly Node[], random: () => number): Node {
  const up = nodes.filter(({ state }) => state === 'ready');
  const node = up[Math.floor(random() * up.length)];
  if (node === undefined) throw new Error('there is nobody to hurt');
  return node;
}

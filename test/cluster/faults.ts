import { setTimeout as pause } from 'node:timers/promises';
import type { Node } from '../../ops/cluster/node.ts';
import { eventually } from '../support/eventually.ts';
import { type Fault, pick } from './fault.ts';
import { networkFaults } from './network-faults.ts';
import { storageFaults } from './storage-faults.ts';

/** Faults of processes and of whole servers, and all others. */

const away = 1500;
const hourMs = 3_600_000;
/**
 * A second less than gateways wait for somebody to serve a call (four fifths of SUHBAT_CALL_TIMEOUT): they hear a little
 * later than we that somebody does.
 */
const waitMs = 3000;

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
    async run(stage, random, town) {
      const node = pick(stage.nodes('actors'), random);
      stage.links(node).nats.holdFrom('suhbat journal');
      const { sends } = town.figures.counts();
      await pause(400);
      // The suite itself may have been held up: goes on when 20 more sends have begun, after three seconds also without.
      await eventually(() => town.figures.counts().sends > sends + 20, 3000).catch(() => {});
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
  rolled: {
    name: 'every process is rolled',
    seconds: 20,
    async run(stage, _, town, alone) {
      // What the fault before has left is none of this one's.
      await town.rest();
      town.write();
      const watch = await town.watchRequests();
      let unservedMs = 0;
      try {
        for (const node of [...stage.cluster.nodes]) {
          if (node.state === 'down') continue;
          const begun = performance.now();
          await node.end();
          await supervised(node);
          if (node.role === 'services') unservedMs = performance.now() - begun;
          await pause(500);
        }
        await town.rest();
      } finally {
        watch.stop();
      }
      // Only a start that takes longer than gateways wait may be felt.
      const felt = (words: string) => unservedMs < waitMs || !words.endsWith('unavailable no_service');
      const why = (await watch.failed()).filter(felt);
      town.write();
      if (alone && why.length > 0)
        throw new Error(`${why.length} requests failed: ${[...new Set(why)].join(', ')}`);
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
      await node.pause();
      postgres.heal();
      await pause(8000);
      await town.rest();
      await pause(2000);
      node.resume();
      await pause(4000);
      town.write();
    },
  },
  ...networkFaults,
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
    await node.pause();
    await pause(ms);
    node.resume();
  };
}

import { setTimeout as pause } from 'node:timers/promises';
import { limits } from '../../schemas/limits.ts';
import { eventually } from '../support/eventually.ts';
import { type Fault, pick } from './fault.ts';
import { noMischief } from './nats-meddler.ts';
import type { NetworkLink } from './network-link.ts';

/** Faults of what lies between processes, servers and clients. */

const longTexts = Array.from({ length: 30 }, (_, n) => `${n} `.padEnd(limits.messageText, 'x'));
/** Longer than heartbeats, pings and appends may take. */
const longer = 5000;

export const networkFaults = {
  actorsCutFromNats: {
    name: 'an actors node is cut off from NATS',
    seconds: 5,
    run: onActors('nats', (link) => link.cut()),
  },
  actorsDeaf: {
    name: 'an actors node hears nothing from NATS',
    seconds: 5,
    run: onActors('nats', (link) => link.hold('down')),
  },
  actorsDumb: {
    name: 'what an actors node says does not reach NATS',
    seconds: 5,
    run: onActors('nats', (link) => link.hold('up')),
  },
  actorsCutFromPostgres: {
    name: 'an actors node is cut off from PostgreSQL',
    seconds: 5,
    run: onActors('postgres', (link) => link.cut()),
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
      await cluster.nats.pause();
      await pause(longer);
      cluster.nats.resume();
    },
  },
  postgresAway5: { name: 'PostgreSQL is away for 5 s', seconds: 5, run: postgresAway(5000) },
  postgresAway60: { name: 'PostgreSQL is away for 60 s', seconds: 60, run: postgresAway(60_000) },
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
  badBus: {
    name: 'frames of the bus are lost, doubled and swapped',
    seconds: 5,
    async run(stage) {
      stage.meddle({ drop: 0.05, double: 0.05, swap: 0.05 });
      await pause(6000);
      stage.meddle(noMischief);
    },
  },
} satisfies Record<string, Fault>;

/** What is between one of the actors nodes and a server. */
function onActors(server: 'nats' | 'postgres', hurt: (link: NetworkLink) => void): Fault['run'] {
  return async (stage, random) => {
    const link = stage.links(pick(stage.nodes('actors'), random))[server];
    hurt(link);
    await pause(longer);
    link.heal();
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

import { setTimeout as pause } from 'node:timers/promises';
import type { Node } from '../../ops/cluster/node.ts';
import type { Bench } from '../bench.ts';
import { nowUs } from '../driver/clock.ts';
import { castOf, ms, round } from '../measure.ts';
import type { Row, Scenario, Verdict } from '../scenario.ts';
import type { SuhbatCluster } from '../server/cluster.ts';
import type { Subject } from '../server/subject.ts';
import { compileFirst, type Town, town, townRow } from './latency.ts';
import { drainFigures, fullSpeed, pairs } from './private.ts';
import { recoveryOf } from './recovery.ts';

const peer = 'socket.io: Redis, not durable';
const actorsCounts = [1, 2, 4];
/** Actors processes of the rows at a fixed rate and of the faults. */
const actors = 2;
const townRate = 500;
const pairsRate = 5000;
const inFlight = 4;

/** Each chat has a message every 50 ms, now from one gateway and now from the other. */
const probed = { chats: 25, members: 10, writers: 2 };
const beforeFaultMs = 2000;
/** Twice what it may take. */
const watchS = 10;

const processes = (count: number) => `${count} actors ${count === 1 ? 'process' : 'processes'}`;

/** People who talk, and messages as fast as they go, on one subject; `about` tells its cases apart. */
async function rowsOf(
  bench: Bench,
  subject: Subject,
  { about, rated }: { about: string; rated: boolean },
): Promise<Row[]> {
  const rows: Row[] = [];
  const add = (row: Row) => rows.push({ ...row, case: `${about}${row.case}` });
  const playing = async (size: typeof town, work: (town: Town) => Promise<void>) =>
    bench.driver(async (driver) => {
      const cast = await castOf(subject, size);
      await driver.connect(subject, cast.clients);
      await compileFirst({ subject, driver, cast });
      await work({ subject, driver, cast });
    });
  // The fastest first: each of the processes has but its share of the load to be compiled and warm by.
  await playing(pairs, async (people) => {
    add(await fullSpeed(bench, people, inFlight));
    if (bench.short) return;
    const row = await townRow(bench, people, pairsRate);
    const drain = 'metrics' in subject ? await drainFigures(subject as SuhbatCluster) : {};
    add({ ...row, figures: { ...row.figures, ...drain } });
  });
  if (rated)
    await playing(town, async (people) => {
      add(await townRow(bench, people, townRate));
    });
  return rows;
}

/** `kill -9` under load: when its chats answer again, and what the others notice. Then it is started again. */
async function killed(suhbat: SuhbatCluster, { driver, cast }: Town, node: Node): Promise<Row> {
  await driver.load(cast.senders, { rate: townRate, burst: 1 }, { trace: true });
  const measuring = driver.measure(beforeFaultMs / 1000 + watchS);
  await pause(beforeFaultMs);
  const own = suhbat.chatsOf(node, [...new Set(cast.senders.map(({ room }) => room))]);
  const faultUs = nowUs();
  await node.kill();
  const { answers } = await measuring;
  await driver.halt();
  const found = recoveryOf(answers, faultUs, own);
  await node.start();
  return {
    case: `${node.name} of ${actors} killed, ${townRate} messages/s`,
    subject: suhbat.name,
    figures: {
      'its chats': own.length,
      'first of them back after s': round(found.firstMs / 1000, 2),
      'all of them back after s': round(found.allMs / 1000, 2),
      'of them refused': found.refused,
      'others before p99 ms': ms(found.othersBefore, 99),
      'others meanwhile p99 ms': ms(found.others, 99),
      'of others refused': found.othersRefused,
    },
  };
}

async function kills(bench: Bench, suhbat: SuhbatCluster): Promise<Row[]> {
  return bench.driver(async (driver) => {
    const cast = await castOf(suhbat, probed);
    await driver.connect(suhbat, cast.clients);
    const people = { subject: suhbat, driver, cast };
    await compileFirst(people);
    const rows: Row[] = [];
    for (const node of suhbat.actors) {
      rows.push(await killed(suhbat, people, node));
      // Its shards move back to it before the next.
      await compileFirst(people);
    }
    return rows;
  });
}

export const cluster: Scenario = {
  name: 'cluster',
  about:
    'A cluster of processes on this machine, members of each chat on both of 2 gateways: answer times at a steady rate, what it can do and what that costs (server: gateways and actors) by number of actors processes, and a killed one.',
  short: true,
  charts: [
    { title: 'Acked messages per second', figure: 'messages/s' },
    { title: 'Server CPU per message', figure: 'server µs/message' },
  ],
  async run(bench) {
    const rows: Row[] = [];
    for (const count of bench.short ? [actors] : actorsCounts)
      rows.push(
        ...(await bench.cluster(count, (suhbat) =>
          rowsOf(bench, suhbat, { about: `${processes(count)}: `, rated: count === actors }),
        )),
      );
    if (!bench.alone && !bench.short)
      rows.push(
        ...(await bench.peer(peer, (subject) =>
          rowsOf(bench, subject, { about: '2 processes: ', rated: true }),
        )),
      );
    if (!bench.short) rows.push(...(await bench.cluster(actors, (suhbat) => kills(bench, suhbat))));
    return { rows, verdicts: verdicts(rows, bench.short) };
  },
};

/** The worst, or the best, of what Suhbat's rows have for a figure in cases that end so. */
function verdicts(rows: readonly Row[], short: boolean): Verdict[] {
  const values = (ending: RegExp, figure: string) =>
    rows
      .filter((row) => row.subject === 'suhbat' && ending.test(row.case))
      .map(({ figures }) => figures[figure] ?? Number.NaN);
  const talk = new RegExp(`^${processes(actors)}: ${townRate} messages/s$`);
  const atRate = new RegExp(`^${processes(actors)}: ${pairsRate} messages/s$`);
  const most = (ending: RegExp, what: string, figure: string, unit: string, max: number): Verdict => ({
    what,
    value: greatest(values(ending, figure)),
    unit,
    bar: { max },
  });
  const always: Verdict[] = [
    most(talk, `ack p50 at ${townRate} messages/s`, 'ack p50 ms', 'ms', 3),
    most(talk, `ack p99 at ${townRate} messages/s`, 'ack p99 ms', 'ms', 20),
    most(talk, `deliver p99 at ${townRate} messages/s`, 'deliver p99 ms', 'ms', 25),
    {
      what: 'messages/s at most, by the best number of actors processes',
      value: greatest(values(/in flight$/, 'messages/s')),
      unit: '',
      bar: { min: 12_000 },
    },
  ];
  if (short) return always;
  return [
    ...always,
    most(atRate, `gateways + actors at ${pairsRate} messages/s`, 'server µs/message', 'µs/message', 110),
    most(/killed/, 'chats of a killed actors process answer again', 'all of them back after s', 's', 5),
    most(/killed/, 'ack p99 of the other chats meanwhile', 'others meanwhile p99 ms', 'ms', 100),
  ];
}

/** NaN where there is none: no bar is reached by what was not measured. */
function greatest(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : Math.max(...values);
}

import type { Bench } from '../bench.ts';
import type { Driver } from '../driver/driver.ts';
import { type Cast, castOf, clusterFigures, latency, ms, round, underLoad } from '../measure.ts';
import type { Row, Scenario } from '../scenario.ts';
import type { Subject } from '../server/subject.ts';

/** 1,000 users in 100 chats, everybody writes. */
export const town = { chats: 100, members: 10, writers: 10 };
const subjects = ['suhbat', 'floor: durable', 'socket.io: durable'] as const;
/** Messages a second; the second is the one that has bars. */
const rates = [250, 500, 1000, 2000, 3000, 4000, 6000, 8000, 12_000];
/** Beyond this the server does not keep up, or nobody would call it a conversation. */
const kneeMs = 200;

/** Who plays, and where. */
export interface Town {
  subject: Subject;
  driver: Driver;
  cast: Cast;
}

export async function townRow(bench: Bench, { subject, driver, cast }: Town, rate: number): Promise<Row> {
  const done = await underLoad({ driver, subject, senders: cast.senders }, { rate, burst: 1 }, bench);
  return {
    case: `${rate} messages/s`,
    subject: subject.name,
    figures: {
      'acked/s': Math.round(done.acked / done.seconds),
      ...latency('ack', done.ack),
      'ack max ms': ms(done.ack, 100),
      ...latency('deliver', done.deliver),
      'server µs/message': round(done.serverUs / done.acked),
      ...clusterFigures(done),
      'server cores': round(done.serverUs / done.seconds / 1e6, 2),
      'driver cores': round(done.driverUs / done.seconds / 1e6, 2),
    },
  };
}

/** What is compiled and loaded at first is nobody's latency. */
export async function compileFirst({ subject, driver, cast }: Town): Promise<void> {
  await underLoad(
    { driver, subject, senders: cast.senders },
    { rate: 500, burst: 1 },
    { warmS: 0, measureS: 4 },
  );
}

async function climb(bench: Bench, subject: Subject): Promise<Row[]> {
  return bench.driver(async (driver) => {
    const cast = await castOf(subject, town);
    await driver.connect(subject, cast.clients);
    await compileFirst({ subject, driver, cast });
    const rows: Row[] = [];
    for (const rate of bench.short ? [500] : rates) {
      const row = await townRow(bench, { subject, driver, cast }, rate);
      rows.push(row);
      if ((row.figures['ack p99 ms'] ?? 0) > kneeMs || (row.figures['acked/s'] ?? 0) < 0.95 * rate) break;
    }
    return rows;
  });
}

export const rising: Scenario = {
  name: 'latency',
  about:
    'From the moment a message was due to its ack and to its deliveries, at a rising rate until the knee: 1,000 users, 100 chats.',
  short: true,
  charts: [
    { title: 'Ack, 99th percentile', figure: 'ack p99 ms' },
    { title: 'Delivery, 99th percentile', figure: 'deliver p99 ms' },
  ],
  async run(bench) {
    const rows: Row[] = [];
    for (const name of bench.subjects(bench.short ? subjects.slice(0, 1) : subjects))
      rows.push(...(await bench.subject(name, (subject) => climb(bench, subject))));
    const ours = rows.find((row) => row.subject === 'suhbat' && row.case === '500 messages/s')?.figures;
    const verdict = (what: string, max: number) => ({
      what: `${what} at 500 messages/s`,
      value: ours?.[`${what} ms`] ?? Number.NaN,
      unit: 'ms',
      bar: { max },
    });
    return { rows, verdicts: [verdict('ack p50', 3), verdict('ack p99', 20), verdict('deliver p99', 25)] };
  },
};

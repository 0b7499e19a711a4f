import { setTimeout as pause } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { castOf, clusterFigures, latency, round, underLoad } from '../measure.ts';
import type { Row, Scenario, Verdict } from '../scenario.ts';
import type { Suhbat } from '../server/suhbat.ts';
import type { Town } from './latency.ts';

/** Both of each chat write. */
export const pairs = { chats: 1000, members: 2, writers: 2 };
const subjects = ['floor: durable', 'suhbat', 'socket.io: durable', 'socket.io'] as const;
type SubjectName = (typeof subjects)[number];

const caseName = (inFlight: number) => `${pairs.chats} chats, 2 writers each, ${inFlight} in flight`;

async function measure(bench: Bench, name: SubjectName, inFlights: readonly number[]): Promise<Row[]> {
  return bench.subject(name, (subject) =>
    bench.driver(async (driver) => {
      const cast = await castOf(subject, pairs);
      await driver.connect(subject, cast.clients);
      const rows: Row[] = [];
      for (const inFlight of inFlights)
        rows.push(await fullSpeed(bench, { subject, driver, cast }, inFlight));
      return rows;
    }),
  );
}

/** As fast as it goes, so many messages of each sender without an ack. */
export async function fullSpeed(
  bench: Bench,
  { subject, driver, cast }: Town,
  inFlight: number,
): Promise<Row> {
  const done = await underLoad({ driver, subject, senders: cast.senders }, { inFlight }, bench);
  const drain = 'metrics' in subject ? await drainFigures(subject as Suhbat) : {};
  return {
    case: caseName(inFlight),
    subject: subject.name,
    figures: {
      'messages/s': Math.round(done.acked / done.seconds),
      'server µs/message': round(done.serverUs / done.acked),
      ...clusterFigures(done),
      'PostgreSQL µs/message': round(done.databaseUs / done.acked),
      ...latency('ack', done.ack),
      ...latency('deliver', done.deliver),
      'driver µs/message': round(done.driverUs / done.acked),
      ...drain,
    },
  };
}

/** How far the write-behind was behind when the load ended, and how long it took to come after. */
export async function drainFigures(suhbat: Pick<Suhbat, 'metrics'>): Promise<Record<string, number>> {
  const begin = performance.now();
  const waiting = (await suhbat.metrics()).get('suhbat_flush_waiting_events') ?? 0;
  for (let left = waiting; left > 0; left = (await suhbat.metrics()).get('suhbat_flush_waiting_events') ?? 0)
    await pause(100);
  return { 'unflushed at the end': waiting, 'drained in s': round((performance.now() - begin) / 1000) };
}

export const privateChats: Scenario = {
  name: 'private',
  about:
    'Journaled and acked messages a second over many private chats, as fast as they go, and what one costs.',
  short: true,
  charts: [
    { title: 'Acked messages per second, 1,000 private chats', figure: 'messages/s' },
    { title: 'Server CPU per message', figure: 'server µs/message' },
  ],
  async run(bench) {
    const rows: Row[] = [];
    for (const name of bench.subjects(bench.short ? subjects.slice(0, 3) : subjects))
      rows.push(...(await measure(bench, name, bench.short ? [1] : [1, 4])));
    return { rows, verdicts: verdicts(rows) };
  },
};

function verdicts(rows: readonly Row[]): Verdict[] {
  const figure = (subject: SubjectName, name: string) =>
    rows.find((row) => row.subject === subject && row.case === caseName(1))?.figures[name] ?? Number.NaN;
  const ratio = (other: SubjectName, name: string) => round(figure('suhbat', name) / figure(other, name), 2);
  return [
    {
      what: 'journaled messages/s, of the durable floor',
      value: ratio('floor: durable', 'messages/s'),
      unit: '×',
      bar: { min: 0.6 },
    },
    {
      what: 'server CPU per message, of the durable floor',
      value: ratio('floor: durable', 'server µs/message'),
      unit: '×',
      bar: { max: 1.6 },
    },
    {
      what: 'journaled messages/s, of durable Socket.IO',
      value: ratio('socket.io: durable', 'messages/s'),
      unit: '×',
      bar: { min: 8 },
    },
  ];
}

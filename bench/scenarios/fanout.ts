import type { Bench } from '../bench.ts';
import { castOf, latency, round, underLoad } from '../measure.ts';
import type { Row, Scenario, Verdict } from '../scenario.ts';

/** Deliveries a second that are offered, and messages a second at most. */
const deliveriesPerS = 40_000;
const messagesPerS = 400;
const subjects = ['floor: publish', 'suhbat', 'ws', 'socket.io'] as const;
type SubjectName = (typeof subjects)[number];

async function measure(
  bench: Bench,
  name: SubjectName,
  members: number,
  bursts: readonly number[],
): Promise<Row[]> {
  return bench.subject(name, (subject) =>
    bench.driver(async (driver) => {
      const cast = await castOf(subject, { chats: 1, members, writers: Math.min(members, 10) });
      await driver.connect(subject, cast.clients);
      const rows: Row[] = [];
      for (const burst of bursts) {
        const rate = Math.min(messagesPerS, deliveriesPerS / members);
        const done = await underLoad({ driver, subject, senders: cast.senders }, { rate, burst }, bench);
        rows.push({
          case: caseName(members, burst),
          subject: name,
          figures: {
            'server µs/delivery': round(done.serverUs / done.delivered, 2),
            'deliveries/s': Math.round(done.delivered / done.seconds),
            ...latency('deliver', done.deliver),
            'driver cores': round(done.driverUs / done.seconds / 1e6, 2),
          },
        });
      }
      return rows;
    }),
  );
}

const caseName = (members: number, burst: number) =>
  `${members} members, ${burst === 1 ? 'single' : `bursts of ${burst}`}`;

export const fanout: Scenario = {
  name: 'fanout',
  about: 'What one delivery costs the server, by size of the group, for single messages and for bursts.',
  short: true,
  charts: [{ title: 'Server CPU per delivery', figure: 'server µs/delivery' }],
  async run(bench) {
    const rows: Row[] = [];
    for (const members of bench.short ? [1000] : [10, 100, 1000, 10_000])
      for (const name of bench.subjects(subjects).filter((one) => !bench.short || one !== 'ws'))
        rows.push(...(await measure(bench, name, members, [1, 10])));
    return { rows, verdicts: verdicts(rows) };
  },
};

function verdicts(rows: readonly Row[]): Verdict[] {
  const cost = (subject: SubjectName, burst: number) =>
    rows.find((row) => row.subject === subject && row.case === caseName(1000, burst))?.figures[
      'server µs/delivery'
    ] ?? Number.NaN;
  return [
    ...[1, 10].map((burst) => ({
      what: `server CPU per delivery, ${caseName(1000, burst)}, of raw uWebSockets.js`,
      value: round(cost('suhbat', burst) / cost('floor: publish', burst), 2),
      unit: '×',
      bar: { max: 1.3 },
    })),
    {
      what: `Socket.IO's server CPU per delivery, ${caseName(1000, 10)}, of ours`,
      value: round(cost('socket.io', 10) / cost('suhbat', 10), 2),
      unit: '×',
      bar: { min: 5 },
    },
  ];
}

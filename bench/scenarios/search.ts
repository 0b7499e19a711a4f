import type { Bench } from '../bench.ts';
import type { Row, Scenario } from '../scenario.ts';
import { fillChats } from '../server/fill.ts';
import type { Person } from '../server/subject.ts';
import type { Suhbat } from '../server/suhbat.ts';
import { hit } from './rest.ts';

const million = 1_000_000;
const atOnce = 2;

/** Each kind of word in turn: `q` of the requests. `seldom` says how rare the rare ones are. */
const words: readonly (readonly [string, readonly string[]])[] = [
  ['common', ['salom', 'bugun', 'привет', 'yo‘q']],
  ['one in 300', ['orasida', 'orasi']],
  ['rare', ['kamyob', 'редкость', 'amyob']],
  ['in no message', ['qorbobo', 'слон', 'salom qorbobo']],
  ['two letters', ['bu', 'да', 'ke']],
  ['two letters in no message', ['qx', 'щщ']],
];

/** Chats with many messages and few: a tenth of them has two thirds of the messages. */
function sizes(chats: number, messages: number): number[] {
  const shares = Array.from({ length: chats }, (_, at) => (at + 1) ** -0.8);
  const all = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => Math.max(1, Math.round((share / all) * messages)));
}

/** Two million messages: one chat has half of them, 10,000 have the others. */
async function findMessages(bench: Bench, suhbat: Suhbat): Promise<Row[]> {
  bench.say(`writing ${(2 * million).toLocaleString('en')} messages …`);
  const somebody = await suhbat.people(20);
  const idsOf = (some: readonly Person[]) => some.map(({ id }) => id);
  const [one, many, few] = somebody as [Person, Person, Person];
  await fillChats(suhbat.database, idsOf([one, ...somebody.slice(4, 6)]), [million]);
  const all = sizes(10_000, million);
  // Every twentieth: long chats and short ones.
  const isOf = (nth: number) => (_: number, at: number) => at % 20 === nth;
  await fillChats(suhbat.database, idsOf([many, ...somebody.slice(6, 9)]), all.filter(isOf(0)));
  await fillChats(
    suhbat.database,
    idsOf(somebody.slice(9)),
    all.filter((_, at) => at % 20 !== 0 && at !== 5005),
  );
  await fillChats(suhbat.database, idsOf([few, ...somebody.slice(9, 11)]), [all[5005] ?? 1]);
  const rows: Row[] = [];
  for (const [whose, person] of [
    ['one chat of a million', one],
    ['500 chats', many],
    ['one chat', few],
  ] as const)
    for (const [kind, texts] of words) {
      let n = 0;
      const path = () => `/messages/search?q=${encodeURIComponent(texts[n++ % texts.length] ?? '')}`;
      const to = { ...suhbat, token: suhbat.token(person.id) };
      const title = `messages, ${whose}: ${kind}`;
      rows.push(await hit(bench, to, { title, path }, { atOnce }));
    }
  return rows;
}

export const slowest = (rows: readonly Row[]) =>
  Math.max(...rows.map(({ figures }) => figures['p99 ms'] ?? Number.NaN));

export const search: Scenario = {
  name: 'search',
  about: `Finding words in one's messages among two million, ${atOnce} requests at a time.`,
  short: false,
  charts: [{ title: 'Search, 99th percentile', figure: 'p99 ms' }],
  async run(bench) {
    const rows = await bench.suhbat((suhbat) => findMessages(bench, suhbat));
    const value = slowest(rows);
    return {
      rows,
      verdicts: [
        { what: 'p99 of a search for messages, the slowest kind', value, unit: 'ms', bar: { max: 100 } },
      ],
    };
  },
};

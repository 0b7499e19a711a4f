import type { Bench } from '../bench.ts';
import type { Row, Scenario } from '../scenario.ts';
import { fillPeople } from '../server/fill.ts';
import type { Person } from '../server/subject.ts';
import type { Suhbat } from '../server/suhbat.ts';
import { hit } from './rest.ts';
import { slowest } from './search.ts';

const people = 1_000_000;
const atOnce = 4;
const names = ['gulnora', 'sherbek', 'mirza', 'dilshod', 'jonta', 'xonmir', 'norgul', 'zakata'];
const name = (n: number) => names[n % names.length] ?? '';
const searches: readonly (readonly [string, (n: number) => string])[] = [
  ['one letter', (n) => name(n).slice(0, 1)],
  ['two letters', (n) => name(n).slice(0, 2)],
  ['the beginning of a name', (n) => name(n).slice(0, 4)],
  ['a whole name', name],
  ['a name and a surname', (n) => `${name(n)} ${name(n + 3).slice(0, 3)}`],
  ['a name with a slip', (n) => `${name(n).slice(0, 5)}w`],
  ['a name and a surname with slips', (n) => `${name(n).slice(0, 5)}w ${name(n + 3).slice(0, 3)}xov`],
  ['a username', (n) => `gulnorza${(n * 7919) % people}`],
  ['a name that nobody has', (n) => `${name(n).slice(1, 4)}qwx`],
  ['another script', (n) => ['нилуфар', 'са', 'я'][n % 3] ?? ''],
];

async function findPeople(bench: Bench, suhbat: Suhbat): Promise<Row[]> {
  bench.say(`writing ${people.toLocaleString('en')} people …`);
  const [person] = (await suhbat.people(1)) as [Person];
  await fillPeople(suhbat.database, people);
  const rows: Row[] = [];
  for (const [title, query] of searches) {
    let n = 0;
    const path = () => `/api/v1/users?search=${encodeURIComponent(query(n++))}`;
    const to = { ...suhbat, token: suhbat.token(person.id) };
    rows.push(await hit(bench, to, { title, path }, { atOnce }));
  }
  return rows;
}

export const findingPeople: Scenario = {
  name: 'people',
  about: `Finding people among a million, ${atOnce} requests at a time.`,
  short: false,
  charts: [{ title: 'Finding people, 99th percentile', figure: 'p99 ms' }],
  async run(bench) {
    const rows = await bench.suhbat((suhbat) => findPeople(bench, suhbat));
    const value = slowest(rows);
    return {
      rows,
      verdicts: [
        { what: 'p99 of a search for people, the slowest kind', value, unit: 'ms', bar: { max: 50 } },
      ],
    };
  },
};

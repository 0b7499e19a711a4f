import type { Row, Scenario } from '../scenario.ts';
import { fillPeople } from '../server/fill.ts';
import { hit } from './rest.ts';

const people = 1_000_000;
const atOnce = 4;
const words = ['gulnora', 'sherbek', 'mirza', 'dilshod', 'jonta', 'xonmir', 'norgul', 'zakata'];
const searches: readonly (readonly [string, (n: number) => string])[] = [
  ['the beginning of a name', (n) => (words[n % words.length] ?? '').slice(0, 4)],
  ['a whole name', (n) => words[n % words.length] ?? ''],
  ['a name with a slip', (n) => `${(words[n % words.length] ?? '').slice(0, 5)}w`],
  ['a username', (n) => `gulnorza${(n * 7919) % people}`],
];

export const search: Scenario = {
  name: 'search',
  about: `Finding people among ${people.toLocaleString('en')}, ${atOnce} requests at a time. (Messages cannot be searched yet.)`,
  short: false,
  charts: [{ title: 'Search, 99th percentile', figure: 'p99 ms' }],
  async run(bench) {
    const rows = await bench.suhbat(async (suhbat) => {
      bench.say(`writing ${people.toLocaleString('en')} people …`);
      const [person] = await suhbat.people(1);
      await fillPeople(suhbat.database, people);
      if (person === undefined) throw new Error('nobody is there');
      const found: Row[] = [];
      for (const [title, query] of searches) {
        let n = 0;
        const path = () => `/api/v1/users?search=${query(n++)}`;
        found.push(
          await hit(bench, { ...suhbat, token: suhbat.token(person.id) }, { title, path }, { atOnce }),
        );
      }
      return found;
    });
    return {
      rows,
      verdicts: [
        {
          what: 'p99 of a search for people, the slowest kind',
          value: Math.max(...rows.map(({ figures }) => figures['p99 ms'] ?? Number.NaN)),
          unit: 'ms',
          bar: { max: 100 },
        },
      ],
    };
  },
};

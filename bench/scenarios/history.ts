import type { Bench, Kept } from '../bench.ts';
import type { Row, Scenario } from '../scenario.ts';
import { fillChat } from '../server/fill.ts';
import { hit } from './rest.ts';

const messages = 1_000_000;
const atOnce = 2;

async function pages(bench: Bench, kept: Kept): Promise<Row[]> {
  const { person, chat, head } = await bench.suhbat(
    async (suhbat) => {
      const people = await suhbat.people(3);
      const [chat = ''] = await suhbat.chats([people]);
      const [person] = people;
      if (person === undefined) throw new Error('nobody is there');
      const { head } = await suhbat.call<{ head: number }>(person, 'GET', `/api/v1/chats/${chat}`);
      return { person, chat, head };
    },
    { kept },
  );
  bench.say(`writing ${messages.toLocaleString('en')} messages …`);
  await fillChat(kept.url, chat, person.id, messages);
  const path = `/api/v1/chats/${chat}/messages`;
  // The numbers that a linear congruence gives: everywhere in the chat, and the same in each run.
  let state = 12_345;
  const anywhere = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return head + 1 + Math.floor((state / 2 ** 31) * messages);
  };
  return bench.suhbat(
    async (suhbat) => {
      const to = { ...suhbat, token: suhbat.token(person.id) };
      const rows: Row[] = [];
      for (const [title, query] of [
        ['newest 50', () => ''],
        ['50 before any message', () => `?before=${anywhere()}`],
        ['50 around any message', () => `?around=${anywhere()}`],
        ['200 changed after any message', () => `?after=${anywhere()}&limit=200`],
      ] as const)
        rows.push(await hit(bench, to, { title, path: () => path + query() }, { atOnce }));
      return rows;
    },
    { kept },
  );
}

export const history: Scenario = {
  name: 'history',
  about: `Pages of a chat of ${messages.toLocaleString('en')} messages, ${atOnce} requests at a time.`,
  short: false,
  charts: [{ title: 'History page, 99th percentile', figure: 'p99 ms' }],
  async run(bench) {
    const rows = await bench.kept((kept) => pages(bench, kept));
    return {
      rows,
      verdicts: [
        {
          what: 'p99 of a history page, the slowest kind',
          value: Math.max(...rows.map(({ figures }) => figures['p99 ms'] ?? Number.NaN)),
          unit: 'ms',
          bar: { max: 10 },
        },
      ],
    };
  },
};

import { randomBytes } from 'node:crypto';
import { makeTokenKey } from '../../ops/config/token-key.ts';
import { withClient } from '../../ops/connections/postgres-client.ts';
import { systemClock } from '../../ops/process/clock.ts';
import { createAccessTokens } from '../../ops/security/access-tokens.ts';
import { newId } from '../../schemas/ids.ts';
import type { Person } from './subject.ts';

/** People and chats of a Suhbat under test, made as its users would make them, only faster. */
export interface Population {
  people(count: number): Promise<Person[]>;
  /** The ids of new chats of these members each. */
  chats(members: readonly (readonly Person[])[]): Promise<string[]>;
  /** A new access token of somebody, for loads that take longer than one lives. */
  token(id: string): string;
  /** One call of the REST API; Error where it is refused. */
  call<T>(person: Person, method: string, path: string, body?: object): Promise<T>;
}

const key = makeTokenKey();
const peopleAtOnce = 10_000;
const membersAtOnce = 200;
const callsAtOnce = 16;

/** Settings of every Suhbat here: it believes our tokens, and limits are out of the way. */
export const settings: Readonly<Record<string, string>> = {
  SUHBAT_TOKEN_KEY: key,
  SUHBAT_REFRESH_SECRET: randomBytes(32).toString('hex'),
  SUHBAT_RATE_LIMIT_FACTOR: '1000000',
  SUHBAT_LIMIT_SOCKETS_PER_IP: '1000000',
};

/** `url`: where it answers, a gateway of it. `database`: the URL of its database. */
export function populationOf({ url, database }: { url: string; database: string }): Population {
  const tokens = createAccessTokens({ privateKeyPem: key, clock: systemClock });
  const token = (id: string) => tokens.sign(id, newId()).token;

  async function call<T>(person: Person, method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${person.token}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** A private chat of two, a group of one or of more. */
  async function chat(members: readonly Person[]): Promise<string> {
    const [owner, ...others] = members as [Person, ...Person[]];
    const ids = others.map(({ id }) => id);
    if (ids.length === 1) {
      const { id } = await call<{ id: string }>(owner, 'POST', '/api/v1/chats', {
        type: 'private',
        user_id: ids[0],
      });
      return id;
    }
    const group = { type: 'group', title: 'bench', member_ids: ids.splice(0, membersAtOnce) };
    const { id } = await call<{ id: string }>(owner, 'POST', '/api/v1/chats', group);
    while (ids.length > 0)
      await call(owner, 'POST', `/api/v1/chats/${id}/members`, { user_ids: ids.splice(0, membersAtOnce) });
    return id;
  }

  return {
    token,
    call,
    async people(count) {
      const ids = Array.from({ length: count }, () => newId());
      for (let from = 0; from < count; from += peopleAtOnce)
        await insertPeople(database, ids.slice(from, from + peopleAtOnce));
      return ids.map((id) => ({ id, token: token(id) }));
    },
    async chats(members) {
      const made: string[] = [];
      let next = 0;
      const makeNext = async () => {
        for (let at = next++; at < members.length; at = next++) made[at] = await chat(members[at] ?? []);
      };
      await Promise.all(Array.from({ length: callsAtOnce }, makeNext));
      return made;
    },
  };
}

/** The metrics as Prometheus reads them at these URLs: the sum of the samples of each name. */
export async function metricSums(urls: readonly string[]): Promise<Map<string, number>> {
  const texts = await Promise.all(urls.map(async (url) => (await fetch(url)).text()));
  const sums = new Map<string, number>();
  for (const [, name = '', value] of texts.join('\n').matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm))
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  return sums;
}

/** People as registration leaves them, without the 0.3 s that hashing a password takes. */
async function insertPeople(url: string, ids: readonly string[]): Promise<void> {
  await withClient({ url, applicationName: 'bench' }, (client) =>
    client.query(
      `insert into users (id, username, first_name, display_name)
       select id, 'b' || replace(right(id::text, 23), '-', ''), 'Bench', 'Bench ' || right(id::text, 12)
       from unnest($1::uuid[]) id`,
      [ids],
    ),
  );
}

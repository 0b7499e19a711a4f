import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTokenKey } from '../../ops/config/token-key.ts';
import { withClient } from '../../ops/connections/postgres-client.ts';
import { systemClock } from '../../ops/process/clock.ts';
import { createAccessTokens } from '../../ops/security/access-tokens.ts';
import { newId } from '../../schemas/ids.ts';
import { nodeOptions } from '../../test/support/node-options.ts';
import { startProgram } from './program.ts';
import type { Person, Subject } from './subject.ts';

export interface SuhbatOptions {
  /** The checkout whose `ops/main.ts` runs. */
  root: string;
  /** For its journal and its log. */
  folder: string;
  database: { url: string; pid: number };
  /** Settings that differ from the defaults. Limits are out of the way in any case. */
  env?: Record<string, string>;
  profiles?: ProfileWish;
}

/** Profiles of what is measured: where they go. */
export interface ProfileWish {
  folder: string;
  of: 'cpu' | 'heap';
}

export interface Suhbat extends Subject {
  readonly url: string;
  /** The URL of its database. */
  readonly database: string;
  /** A new access token of somebody, for loads that take longer than one lives. */
  token(id: string): string;
  /** One call of the REST API; Error where it is refused. */
  call<T>(person: Person, method: string, path: string, body?: object): Promise<T>;
  /** The metrics as Prometheus reads them: the sum of the samples of each name. */
  metrics(): Promise<Map<string, number>>;
}

const keys = { key: makeTokenKey(), refresh: randomBytes(32).toString('hex') };
const peopleAtOnce = 10_000;
const membersAtOnce = 200;
const callsAtOnce = 16;

/** Suhbat, all roles in one process, beside a PostgreSQL of which the CPU is measured apart. */
export async function startSuhbat(options: SuhbatOptions): Promise<Suhbat> {
  const { root, folder, database, env = {}, profiles } = options;
  for (const needed of [folder, profiles?.folder ?? folder]) await mkdir(needed, { recursive: true });
  const program = await startProgram({
    args: [
      ...nodeOptions(root),
      ...(profiles === undefined ? [] : ['--import', join(import.meta.dirname, 'profiler.ts')]),
      join(root, 'ops/main.ts'),
    ],
    cwd: root,
    env: {
      SUHBAT_PORT: '0',
      SUHBAT_DATA_DIR: folder,
      SUHBAT_TOKEN_KEY: keys.key,
      SUHBAT_REFRESH_SECRET: keys.refresh,
      SUHBAT_RATE_LIMIT_FACTOR: '1000000',
      SUHBAT_LIMIT_SOCKETS_PER_IP: '1000000',
      DATABASE_URL: database.url,
      ...(profiles === undefined ? {} : { BENCH_PROFILES: profiles.folder, BENCH_PROFILE: profiles.of }),
      ...env,
    },
    log: join(folder, 'suhbat.log'),
  });
  const url = `http://127.0.0.1:${program.port}`;
  const tokens = createAccessTokens({ privateKeyPem: keys.key, clock: systemClock });
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
    name: 'suhbat',
    dialect: 'suhbat',
    acks: true,
    url,
    database: database.url,
    ...program,
    databasePid: database.pid,
    ...(profiles === undefined ? {} : { profile: () => void process.kill(program.pid, 'SIGUSR2') }),
    token,
    call,
    async people(count) {
      const ids = Array.from({ length: count }, () => newId());
      for (let from = 0; from < count; from += peopleAtOnce)
        await insertPeople(database.url, ids.slice(from, from + peopleAtOnce));
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
    async metrics() {
      const text = await (await fetch(`${url}/metrics`)).text();
      const sums = new Map<string, number>();
      for (const [, name = '', value] of text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm))
        sums.set(name, (sums.get(name) ?? 0) + Number(value));
      return sums;
    },
  };
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

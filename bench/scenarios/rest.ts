import autocannon from 'autocannon';
import type { Bench } from '../bench.ts';
import { round } from '../measure.ts';
import type { Row, Scenario } from '../scenario.ts';
import { threadsCpuUs } from '../server/cpu.ts';
import type { Person, Subject } from '../server/subject.ts';
import type { Suhbat } from '../server/suhbat.ts';

const connections = 32;

export interface Call {
  title: string;
  method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Called for each request. */
  path: () => string;
  body?: () => object;
  /** The status that every answer must have. */
  status?: number;
}

/** One route as fast as it goes over so many connections, each with one request at a time; Error where one fails. */
export async function hit(
  bench: Bench,
  server: Pick<Subject, 'pid' | 'name' | 'profile'> & { url: string; token?: string },
  call: Call,
  { atOnce = connections, seconds = bench.measureS } = {},
): Promise<Row> {
  const { url, pid, name, token, profile } = server;
  const { title, method = 'GET', path, body, status = 200 } = call;
  const run = (duration: number) =>
    autocannon({
      url,
      duration,
      connections: atOnce,
      timeout: 30,
      requests: [
        {
          method,
          setupRequest: (request) => ({
            ...request,
            path: path(),
            headers: {
              ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
              ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body()) }),
          }),
        },
      ],
    });
  await run(bench.short ? 1 : 2);
  profile?.();
  const before = threadsCpuUs([pid]);
  const done = await run(seconds);
  const cpu = threadsCpuUs([pid]) - before;
  profile?.();
  const answers = Object.entries(done.statusCodeStats ?? {});
  const wrong = answers.filter(([code]) => Number(code) !== status);
  if (wrong.length > 0 || done.errors > 0)
    throw new Error(
      `${title}: ${done.errors} errors, and answers ${JSON.stringify(Object.fromEntries(answers))}`,
    );
  return {
    case: title,
    subject: name,
    figures: {
      'requests/s': Math.round(done.requests.average),
      'server µs/request': round(cpu / done.requests.total),
      'p50 ms': done.latency.p50,
      'p99 ms': done.latency.p99,
    },
  };
}

function calls(chat: string, member: Person): Call[] {
  let written = 0;
  const group = `/api/v1/chats/${chat}`;
  return [
    { title: 'GET /me', path: () => '/me' },
    { title: 'GET /api/v1/users/{id}', path: () => `/api/v1/users/${member.id}` },
    { title: 'GET /api/v1/users?search=', path: () => '/api/v1/users?search=bench' },
    { title: 'GET /api/v1/chats', path: () => '/api/v1/chats' },
    { title: 'GET /api/v1/chats/{id}', path: () => group },
    { title: 'GET /api/v1/chats/{id}/members', path: () => `${group}/members` },
    { title: 'GET /api/v1/chats/{id}/messages', path: () => `${group}/messages` },
    { title: 'GET /api/v1/auth/logins', path: () => '/api/v1/auth/logins' },
    { title: 'POST /api/v1/sync', method: 'POST', path: () => '/api/v1/sync', body: () => ({}) },
    {
      title: 'POST /api/v1/chats/{id}/messages',
      method: 'POST',
      path: () => `${group}/messages`,
      body: () => ({ kind: 'text', text: 'x'.repeat(100) }),
      status: 201,
    },
    {
      title: 'POST /api/v1/chats/{id}/read',
      method: 'POST',
      path: () => `${group}/read`,
      body: () => ({ seq: ++written }),
    },
    {
      title: 'PATCH /me',
      method: 'PATCH',
      path: () => '/me',
      body: () => ({ about: `written ${++written} times` }),
    },
  ];
}

async function ours(bench: Bench, suhbat: Suhbat): Promise<Row[]> {
  const people = await suhbat.people(10);
  const [chat = ''] = await suhbat.chats([people]);
  const [person, member] = people as [Person, Person];
  const rows: Row[] = [];
  const token = suhbat.token(person.id);
  for (let sent = 0; sent < 60; sent++)
    await suhbat.call(person, 'POST', `/api/v1/chats/${chat}/messages`, {
      kind: 'text',
      text: 'x'.repeat(100),
    });
  for (const call of calls(chat, member).slice(0, bench.short ? 1 : undefined)) {
    // Each has its connections and its warm-up; tokens live 15 minutes.
    rows.push(await hit(bench, { ...suhbat, token }, call));
  }
  return rows;
}

const empty = 'an empty JSON route';

export const rest: Scenario = {
  name: 'rest',
  about: `Each route as fast as ${connections} connections ask, beside an empty JSON route on raw uWebSockets.js.`,
  short: true,
  charts: [{ title: 'Requests per second', figure: 'requests/s' }],
  async run(bench) {
    const rows = await bench.suhbat((suhbat) => ours(bench, suhbat));
    if (!bench.alone)
      rows.unshift(
        await bench.peer('floor: publish', ({ name, port, pid }) =>
          hit(bench, { name, pid, url: `http://127.0.0.1:${port}` }, { title: empty, path: () => '/empty' }),
        ),
      );
    const perS = (title: string) =>
      rows.find((row) => row.case === title)?.figures['requests/s'] ?? Number.NaN;
    return {
      rows,
      verdicts: [
        {
          what: 'GET /me, of an empty route',
          value: round(perS('GET /me') / perS(empty), 2),
          unit: '×',
          bar: { min: 0.6 },
        },
      ],
    };
  },
};

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Route } from '../../../../gateway/http/route.ts';
import { systemClock } from '../../../../ops/process/clock.ts';
import { createHealth } from '../../../../ops/process/health.ts';
import { createMetrics } from '../../../../ops/telemetry/metrics.ts';
import { firstEvent } from '../../../support/first-event.ts';
import { checkBody, checkProblem, exactly } from './exact.ts';
import { product } from './program.ts';

const folder = join(import.meta.dirname, '../../../../gateway/http/routes');
const system = {
  health: createHealth(systemClock, { version: '', commit: '' }),
  metrics: createMetrics(),
  draining: () => false,
};

/** The tables of every file in the folder of routes: each exports one, or what makes one of the system's parts. */
async function readTables(): Promise<Route[]> {
  const found: Route[] = [];
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
    const door = (await import(join(folder, file))) as Record<string, unknown>;
    const tables = Object.entries(door).filter(([name]) => name.endsWith('Routes'));
    if (tables.length !== 1) throw new Error(`${file} exports ${tables.length} tables of routes`);
    for (const [, table] of tables)
      found.push(...((typeof table === 'function' ? table(system) : table) as readonly Route[]));
  }
  return found;
}

/** Every route of the API and the system, `METHOD /path`. */
export const routes: ReadonlyMap<string, Route> = new Map(
  (await readTables()).map((route) => [`${route.method} ${route.path}`, route]),
);

interface Row {
  route: Route;
  pattern: RegExp;
  checks: Map<number, ReturnType<typeof exactly> | undefined>;
}

/** Literal paths win over parameters. */
const rows: Row[] = [...routes.values()]
  .sort((one, other) => Number(one.path.includes('{')) - Number(other.path.includes('{')))
  .map((route) => ({
    route,
    pattern: new RegExp(`^${route.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    checks: new Map(
      Object.entries(route.replies).map(([status, schema]) => [Number(status), schema && exactly(schema)]),
    ),
  }));

export interface Answer<Body = never> {
  status: number;
  headers: Headers;
  /** Parsed where it is JSON, else the text. */
  body: Body;
}

export interface AskOptions {
  token?: string | undefined;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, with a content type of `application/json` unless `headers` say otherwise. */
  raw?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  /** Another program than the shared one. */
  url?: string;
}

/** One REST request. The answer is held to the row's schema, or to that of problem documents. */
export async function rest<Body = never>(
  method: string,
  path: string,
  { token, body, raw, headers = {}, url = product().url }: AskOptions = {},
): Promise<Answer<Body>> {
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(`${url}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(content !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(content !== undefined && { body: content }),
  });
  const type = response.headers.get('content-type') ?? '';
  const text = await (/event-stream/.test(type) ? firstEvent(response) : response.text());
  const parsed = /json/.test(type) && text !== '' ? JSON.parse(text) : text;
  if (method !== 'HEAD') check(method, path, response, type, parsed);
  return { status: response.status, headers: response.headers, body: parsed as Body };
}

function check(method: string, path: string, response: Response, type: string, body: unknown): void {
  const { status, headers } = response;
  const requestId = headers.get('x-request-id');
  const name = `${method} ${path.split('?')[0]} ${status}`;
  const row = rows.find(
    ({ route, pattern }) => route.method === method && pattern.test(path.split('?')[0] ?? ''),
  );
  if (status >= 400 && !row?.checks.has(status)) {
    checkBody(`${name} of type ${type}`, isProblemType, type);
    checkProblem(status, body as never, requestId);
  } else if (row?.checks.has(status)) {
    const exact = row.checks.get(status);
    checkBody(name, exact, body);
    if (status === 204) checkBody(name, isEmpty, body);
  } else if (method !== 'OPTIONS') checkBody(name, () => 'is no answer of this route', body);
  if (requestId === null) checkBody(name, () => 'has no X-Request-Id', body);
}

const isProblemType = (type: unknown) => (type === 'application/problem+json' ? undefined : 'is no problem');
const isEmpty = (body: unknown) => (body === '' ? undefined : 'has a body');

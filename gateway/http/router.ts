import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { fail } from '../../schemas/errors.ts';
import { preflightHeaders } from './cors.ts';
import type { Pipeline } from './pipeline.ts';
import type { Answer, Route } from './route.ts';
import { compileRow, type Row } from './rows.ts';

/**
 * Puts every route on uWebSockets' own router: a GET also as HEAD, each path's other methods as 405 with
 * `Allow` or as the answer to OPTIONS, and every other path as 404. Throws where two rows are the same.
 */
export function mount(app: TemplatedApp, routes: readonly Route[], pipeline: Pipeline): void {
  const paths = new Map<string, Row[]>();
  const names = new Set<string>();
  for (const route of routes) {
    const name = `${route.method} ${route.path.replaceAll(/\{\w+\}/g, '{}')}`;
    if (names.has(name)) throw new Error(`There are two routes ${name}`);
    names.add(name);
    const row = compileRow(route);
    paths.set(row.pattern, [...(paths.get(row.pattern) ?? []), row]);
    put(app, row, (res, req) => pipeline.accept(res, req, row));
  }
  for (const [pattern, rows] of paths) mountOthers(app, pattern, rows, pipeline);
  const missing = compileRow({
    ...anything('/*'),
    async handle() {
      throw fail('not_found', { reason: 'no_route' });
    },
  });
  app.any('/*', (res, req) => pipeline.accept(res, req, missing));
}

function mountOthers(app: TemplatedApp, pattern: string, rows: readonly Row[], pipeline: Pipeline): void {
  const methods: string[] = rows.map(({ route }) => route.method);
  if (methods.includes('GET')) methods.push('HEAD');
  const allow = [...methods, 'OPTIONS'].join(', ');
  const path = rows[0]?.route.path ?? pattern;
  const options = compileRow({
    ...anything(path),
    async handle(): Promise<Answer> {
      return { status: 204, headers: preflightHeaders(allow) };
    },
  });
  const refused = compileRow({
    ...anything(path),
    async handle() {
      throw fail('method_not_allowed', { allow });
    },
  });
  app.options(pattern, (res, req) => pipeline.accept(res, req, options));
  const refuse: Handler = (res, req) => pipeline.accept(res, req, refused);
  // By name too: a path with parameters that takes the method would win over what takes any.
  for (const method of known.filter((one) => !methods.includes(one))) app[verbs[method]](pattern, refuse);
  app.any(pattern, refuse);
}

type Handler = (res: HttpResponse, req: HttpRequest) => void;

/** What uWebSockets calls them. */
const verbs = {
  GET: 'get',
  HEAD: 'head',
  POST: 'post',
  PUT: 'put',
  PATCH: 'patch',
  DELETE: 'del',
} as const;
const known = Object.keys(verbs) as (keyof typeof verbs)[];

/** A row outside the table: no part of the API, but answered by the same pipeline. */
function anything(path: string): Omit<Route, 'handle'> {
  return { method: 'GET', path, summary: '', auth: 'open', limit: 'none', replies: {} };
}

function put(app: TemplatedApp, { route, pattern }: Row, handler: Handler): void {
  app[verbs[route.method]](pattern, handler);
  if (route.method === 'GET') app.head(pattern, handler);
}

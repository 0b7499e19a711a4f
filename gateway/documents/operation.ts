import { STATUS_CODES } from 'node:http';
import Type, { type TSchema } from 'typebox';
import { Id, Seq } from '../../schemas/common.ts';
import { type ErrorCode, errorCatalogue } from '../../schemas/errors.ts';
import { problemOf } from '../../schemas/rest/problem.ts';
import type { Route } from '../http/route.ts';
import type { Components, Json } from './components.ts';
import type { RouteExample, RouteExamples } from './examples/example.ts';
import { byStatus, type Given, routeRefusals, sentence } from './refusals.ts';
import { tagOf } from './tags.ts';

/** `{}`: also without it, as a ticket stands in the query. */
const security = {
  user: [{ bearer: [] }],
  ticket: [{ bearer: [] }, {}],
  signature: [{ bearer: [] }, {}],
  open: [],
};

/** One route as an OpenAPI operation. */
export function operationOf(route: Route, examples: RouteExamples, components: Components): Json {
  const parameters = parametersOf(route, examples, components);
  return {
    operationId: operationId(route),
    tags: [tagOf(route.path)],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    security: security[route.auth],
    ...(route.permit && { 'x-permit': `${route.permit.object}: ${route.permit.act}` }),
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: bodyOf(route.body, examples, components) }),
    ...(route.upload && { requestBody: uploadOf(route.upload, components) }),
    responses: { ...goodAnswers(route, examples, components), ...refusalsOf(route, examples) },
  };
}

/** `GET /api/v1/chats/{id}/members` → `getChatsByIdMembers`; `/auth/…` is not `/api/v1/auth/…`. */
function operationId({ method, path }: Pick<Route, 'method' | 'path'>): string {
  const words = path
    .replace(/^\/auth\//, '/root/auth/')
    .replace(/^\/api\/v1\//, '/')
    .replaceAll(/\{(\w+)\}/g, 'by_$1')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return `${method.toLowerCase()}${name || 'Root'}`;
}

/** Request headers that a route may name, and what they are for; the others only shape the answer's bytes. */
const knownHeaders: Record<string, { name: string; description: string; schema: TSchema }> = {
  'if-none-match': {
    name: 'If-None-Match',
    description: 'The `ETag` of what the client holds: 304 where it is that still.',
    schema: Type.String(),
  },
  'if-match': {
    name: 'If-Match',
    description: 'The `ETag` that the change is for: nothing is changed where it is another by now.',
    schema: Type.String(),
  },
  range: {
    name: 'Range',
    description: 'One range of bytes; of several none is taken, and the whole is answered.',
    schema: Type.String(),
  },
  'if-range': {
    name: 'If-Range',
    description: 'The `ETag` of what the client holds a part of: the whole is answered where it is another.',
    schema: Type.String(),
  },
  'idempotency-key': {
    name: 'Idempotency-Key',
    description:
      'The same key, caller and body give the same answer for 24 hours; refusals that may pass are not kept.',
    schema: Type.String({ minLength: 1, maxLength: 255 }),
  },
};

function parametersOf(route: Route, examples: RouteExamples, components: Components): Json[] {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: components.refer(route.params?.[name] ?? paramSchema(name)),
    ...valuesOf(examples, ({ params }) => (name === 'seq' ? numberOf(params?.seq) : params?.[name])),
  }));
  const known = route.query as { properties?: Record<string, TSchema>; required?: string[] } | undefined;
  const inQuery = Object.entries(known?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: known?.required?.includes(name) ?? false,
    schema: components.refer(schema),
    ...valuesOf(examples, ({ query }) => query?.[name]),
  }));
  const inHeader = (route.headers ?? []).flatMap((header) => {
    const found = knownHeaders[header];
    if (found === undefined) return [];
    return [{ ...found, in: 'header', required: false, schema: components.refer(found.schema) }];
  });
  return [...inPath, ...inQuery, ...inHeader];
}

function paramSchema(name: string): TSchema {
  if (name === 'seq') return Seq;
  return name === 'id' || name.endsWith('_id') ? Id : Type.String({ minLength: 1 });
}

/** What the examples give for one place, under their names. */
function valuesOf(examples: RouteExamples, of: (example: RouteExample) => unknown): Json {
  const given = Object.entries(examples).flatMap(([name, example]) => {
    const value = of(example);
    return value === undefined ? [] : [[name, { summary: example.summary, value }] as const];
  });
  return given.length === 0 ? {} : { examples: Object.fromEntries(given) };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function bodyOf(schema: TSchema, examples: RouteExamples, components: Components): Json {
  const given = valuesOf(examples, ({ body }) => body);
  const { required = [] } = schema as { required?: string[] };
  return {
    required: required.length > 0,
    content: { 'application/json': { schema: components.refer(schema), ...given } },
  };
}

function uploadOf({ type, schema }: NonNullable<Route['upload']>, components: Components): Json {
  return { required: true, content: { [type]: { schema: components.refer(schema) } } };
}

const requestIdHeader = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } };
const retryHeader = { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } };
const limitHeaders = {
  RateLimit: { $ref: '#/components/headers/RateLimit' },
  'RateLimit-Policy': { $ref: '#/components/headers/RateLimitPolicy' },
};
const tagHeader = { ETag: { $ref: '#/components/headers/ETag' } };

function goodAnswers(route: Route, examples: RouteExamples, components: Components): Json {
  const answers = Object.entries(route.replies).map(([status, schema]) => {
    const code = Number(status);
    const given = Object.entries(examples).filter(([, example]) => example.status === code);
    const values = valuesOf(Object.fromEntries(given), ({ reply }) => reply);
    const tagged = route.tagged && (code === 200 || code === 304) ? tagHeader : {};
    return [
      status,
      {
        description: STATUS_CODES[code] ?? status,
        headers: { ...requestIdHeader, ...tagged },
        ...contentOf(route, code, schema && components.refer(schema), values),
      },
    ];
  });
  return Object.fromEntries(answers);
}

function contentOf(route: Route, status: number, schema: Json | undefined, values: Json): Json {
  if (schema !== undefined) return { content: { 'application/json': { schema, ...values } } };
  if (status === 204 || (status >= 300 && status < 400)) return {};
  return { content: { [route.media ?? 'text/plain']: { schema: { type: 'string' }, ...values } } };
}

function refusalsOf(route: Route, examples: RouteExamples): Json {
  const given = routeRefusals(route);
  const answers = [...byStatus(given)].flatMap(([status, codes]) => {
    // A status of the row's own is no refusal: `/ready` answers 503 in its own words.
    if (status in route.replies) return [];
    const refused = Object.entries(examples).filter(
      ([, { refusal, status: of }]) => refusal !== undefined && of === status,
    );
    const isCommon = refused.length === 0 && codes.every((code) => isPlain(code, given, route));
    return [[String(status), isCommon ? common(codes) : special(status, codes, given, refused)] as const];
  });
  return Object.fromEntries(answers);
}

/** Nothing is special to this route in it. */
function isPlain(code: ErrorCode, given: Given, { refusals }: Route): boolean {
  return (refusals?.[code]?.length ?? 0) === 0 && given.has(code);
}

/** `rate_limited` → `RateLimited` */
export function responseName(code: ErrorCode): string {
  return code
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

function common([code = 'internal']: readonly ErrorCode[]): Json {
  return { $ref: `#/components/responses/${responseName(code)}` };
}

function special(
  status: number,
  codes: readonly ErrorCode[],
  given: Given,
  refused: readonly [string, RouteExample][],
): Json {
  const values = valuesOf(Object.fromEntries(refused), ({ refusal }) => {
    return refusal && problemOf(refusal, exampleRequestId);
  });
  return problemAnswer(status, codes, given, values);
}

export const exampleRequestId = 'kX3v9QaB.2f';

/** A refusal as a response: its codes and reasons in words, for programs (`x-reasons`), and as a schema. */
export function problemAnswer(status: number, codes: readonly ErrorCode[], given: Given, values: Json): Json {
  const reasons = Object.fromEntries(codes.map((code) => [code, given.get(code) ?? []]));
  return {
    description: codes.map((code) => sentence(code, given.get(code) ?? [])).join('\n\n'),
    headers: {
      ...requestIdHeader,
      ...(codes.some((code) => errorCatalogue[code].retryable) && retryHeader),
      ...(status === 429 && limitHeaders),
    },
    content: {
      'application/problem+json': {
        schema: {
          allOf: [
            { $ref: '#/components/schemas/Problem' },
            { type: 'object', properties: { status: { const: status }, code: { enum: codes } } },
          ],
        },
        ...values,
      },
    },
    'x-reasons': reasons,
  };
}

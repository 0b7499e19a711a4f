import { type ErrorCode, errorCatalogue } from '../../schemas/errors.ts';
import { Problem, problemOf } from '../../schemas/rest/problem.ts';
import type { Route } from '../http/route.ts';
import { createComponents, type Json } from './components.ts';
import { routeExamples } from './examples/examples.ts';
import * as no from './examples/refusals.ts';
import { exampleRequestId, operationOf, problemAnswer, responseName } from './operation.ts';
import { byStatus, type Given, tokenReasons } from './refusals.ts';
import { tagOf, tags } from './tags.ts';

const description = `Suhbat ("conversation" in Uzbek) is a realtime chat backend. This is its REST API; the
WebSocket at \`/ws\` is in [/asyncapi.json](/asyncapi.json), and most requests can be made over either.

**Logging in.** \`POST /api/v1/auth/register\` or \`/login\` gives an access token, good for 15 minutes, and a
refresh token. Send the first as \`Authorization: Bearer …\`; change the second for new ones at
\`/api/v1/auth/refresh\`, each once.

**Bodies** are JSON in UTF-8, at most 1 MiB. Names are snake_case, times ISO 8601 in UTC, ids UUIDs. Unknown
fields of a request are refused; unknown fields of an answer may be ignored.

**Refusals** are \`application/problem+json\` (RFC 9457). \`code\` comes from one catalogue that the WebSocket
shares, \`reason\` is finer and stable. 503 means that nothing was done: repeat after \`Retry-After\` seconds. 504
means that the outcome is unknown: repeat a message with the same \`client_id\`.

**Lists** take \`limit\` and \`cursor\` and answer \`items\` and \`next_cursor\`, which is null at the end.

Every answer carries \`X-Request-Id\`: the caller's own where it sent a good one (up to 64 letters, digits and
\`. _ : -\`). A W3C \`traceparent\` goes with the request, and its trace id into the logs. HEAD works wherever GET does.
\`OPTIONS\` says what a path takes; other methods get 405.`;

/** The OpenAPI 3.1 document of these routes. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const components = createComponents('2020-12');
  components.refer(Problem);
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const examples = routeExamples[`${route.method} ${route.path}`] ?? {};
    const operation = operationOf(route, examples, components);
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation };
  }
  const used = new Set(routes.map(({ path }) => tagOf(path)));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Suhbat',
      version,
      summary: 'Realtime chat: REST',
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The gateway that serves this document' }],
    tags: tags
      .filter(({ name }) => used.has(name))
      .map(({ name, description: of }) => ({ name, description: of })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The access token; its keys are at `/.well-known/jwks.json`.',
        },
      },
      headers,
      responses: usedResponses(paths),
      schemas: components.schemas(),
    },
  };
}

const headers = {
  RequestId: {
    description: "Names the request in the server's log: the caller's own id where it sent a good one.",
    schema: { type: 'string', maxLength: 64 },
  },
  RetryAfter: {
    description: 'Seconds to wait before trying again.',
    schema: { type: 'integer', minimum: 0 },
  },
  RateLimit: {
    description: 'The limit that refused, what is left of it, and the seconds until it takes calls again.',
    schema: { type: 'string', examples: ['"calls";r=0;t=12'] },
  },
  RateLimitPolicy: {
    description: 'How much that limit takes (`q`) in how many seconds (`w`).',
    schema: { type: 'string', examples: ['"calls";q=600;w=60'] },
  },
  ETag: { description: 'Names this version of the answer.', schema: { type: 'string' } },
};

/** What the refusals that all routes share look like. */
const commonExamples: Partial<Record<ErrorCode, Parameters<typeof problemOf>[0]>> = {
  invalid: no.wrongField('/nonsense', 'is not known here'),
  unauthenticated: no.noToken,
  not_found: { code: 'not_found' },
  too_large: { code: 'too_large', detail: 'A body has at most 1048576 bytes' },
  unsupported_media_type: {
    code: 'unsupported_media_type',
    detail: 'Bodies are application/json in UTF-8',
  },
  rate_limited: { code: 'rate_limited' },
  internal: { code: 'internal' },
  unavailable: { code: 'unavailable' },
  timeout: { code: 'timeout' },
};

/** By name, the responses that some operation refers to. */
function usedResponses(paths: Json): Json {
  const text = JSON.stringify(paths);
  const all: Given = new Map(
    (Object.keys(errorCatalogue) as ErrorCode[]).map((code) => [
      code,
      code === 'unauthenticated' ? tokenReasons : [],
    ]),
  );
  const found = [...byStatus(all)].flatMap(([status, codes]) => {
    const [code = 'internal'] = codes;
    const name = responseName(code);
    if (!text.includes(`"#/components/responses/${name}"`)) return [];
    const example = commonExamples[code];
    const values =
      example === undefined
        ? {}
        : { examples: { [example.reason ?? code]: { value: problemOf(example, exampleRequestId) } } };
    return [[name, problemAnswer(status, codes, all, values)] as const];
  });
  return Object.fromEntries(found);
}

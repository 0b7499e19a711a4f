import Type from 'typebox';
import type { Health } from '../../../ops/process/health.ts';
import type { Metrics } from '../../../ops/telemetry/metrics.ts';
import type { Answer, Route } from '../route.ts';

export interface SystemParts {
  health: Health;
  /** Undefined: they are served on a port of their own. */
  metrics: Metrics | undefined;
  /** True while this gateway drains. */
  draining(): boolean;
}

const Status = Type.Enum(['ok', 'degraded', 'down']);
const HealthAnswer = Type.Object({
  status: Status,
  version: Type.String(),
  commit: Type.String(),
  uptime_s: Type.Integer(),
  checks: Type.Record(Type.String(), Type.Object({ status: Status, detail: Type.Optional(Type.String()) })),
});

const KeySet = Type.Object({
  keys: Type.Array(
    Type.Object({
      kty: Type.Literal('EC'),
      crv: Type.Literal('P-256'),
      x: Type.String(),
      y: Type.String(),
      kid: Type.String(),
      use: Type.Literal('sig'),
      alg: Type.Literal('ES256'),
    }),
  ),
});

/** Seconds for which a verifier of our tokens may keep the keys. */
const keysFresh = 300;

const open = { method: 'GET', auth: 'open', limit: 'none' } as const;

/** What operators, probes and verifiers of our tokens ask for. */
export function systemRoutes({ health, metrics, draining }: SystemParts): Route[] {
  return [
    {
      ...open,
      path: '/health',
      summary: 'What works; 503 only when nothing can be served',
      replies: { 200: HealthAnswer, 503: HealthAnswer },
      async handle() {
        const body = health.report();
        return { status: body.status === 'down' ? 503 : 200, body };
      },
    },
    {
      ...open,
      path: '/live',
      summary: 'The process answers',
      replies: { 200: undefined, 503: undefined },
      handle: async () => yesOrNo(health.live()),
    },
    {
      ...open,
      path: '/ready',
      summary: 'New clients may come; false while starting and draining',
      replies: { 200: undefined, 503: undefined },
      handle: async () => yesOrNo(health.ready() && !draining()),
    },
    ...(metrics === undefined ? [] : [metricsRoute(metrics)]),
    {
      ...open,
      path: '/.well-known/jwks.json',
      summary: 'The public keys of access tokens',
      replies: { 200: KeySet },
      handle: async (_, { tokens }) => ({
        status: 200,
        body: tokens.jwks(),
        headers: { 'Cache-Control': `public, max-age=${keysFresh}` },
      }),
    },
  ];
}

function metricsRoute({ registry }: Metrics): Route {
  return {
    ...open,
    path: '/metrics',
    summary: 'Prometheus text',
    replies: { 200: undefined },
    async handle() {
      return { status: 200, text: { type: registry.contentType, content: await registry.metrics() } };
    },
  };
}

function yesOrNo(yes: boolean): Answer {
  return yes ? text(200, 'yes\n') : text(503, 'no\n');
}

function text(status: number, content: string): Answer {
  return { status, text: { type: 'text/plain; charset=utf-8', content } };
}

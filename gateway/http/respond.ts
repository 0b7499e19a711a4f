import { STATUS_CODES } from 'node:http';
import type { Clock } from '../../ops/process/clock.ts';
import type { Logger } from '../../ops/telemetry/logger.ts';
import type { Metrics } from '../../ops/telemetry/metrics.ts';
import { requestFields, traceIdOf } from '../../ops/telemetry/trace.ts';
import { type Refusal, refusalOf, SuhbatError } from '../../schemas/errors.ts';
import { problemOf } from '../../schemas/rest/problem.ts';
import type { Origins } from '../origins.ts';
import { corsHeaders } from './cors.ts';
import type { Exchange } from './exchange.ts';
import type { Answer } from './route.ts';

export interface RespondParts {
  clock: Clock;
  /** Of the namespace `http`. */
  logger: Logger;
  metrics: Metrics;
  origins: Origins;
  /** True while the gateway drains: connections end with their answer. */
  draining(): boolean;
}

/** The pipeline's last step. Every exchange ends here exactly once, and leaves a log line and its metrics. */
export interface Respond {
  answer(exchange: Exchange, answer: Answer): void;
  /** Any thrown value as a problem document. */
  refuse(exchange: Exchange, error: unknown): void;
  /** The client went away. */
  abort(exchange: Exchange): void;
}

const statusLines = new Map(
  Object.entries(STATUS_CODES).map(([status, text]) => [Number(status), `${status} ${text}`]),
);
/** What proxies log for a client that went away; nobody receives it. */
const abortedStatus = 499;
const badInHeader = /[\r\n\0]/;

export function createRespond({ clock, logger, metrics, origins, draining }: RespondParts): Respond {
  const counters = new Map<string, { inc(): void }>();
  const timers = new Map<string, { observe(seconds: number): void }>();

  function record({ row, method, began, request }: Exchange, status: number, code: string): void {
    const route = row.route.path;
    const ms = clock.monotonic() - began;
    const verb = statusLines.has(status) || status === abortedStatus ? verbOf(method) : 'other';
    const key = `${verb} ${route} ${status} ${code}`;
    let counter = counters.get(key);
    if (counter === undefined) {
      counter = metrics.requests.labels(verb, route, String(status), code);
      counters.set(key, counter);
    }
    counter.inc();
    let timer = timers.get(route);
    if (timer === undefined) {
      timer = metrics.requestSeconds.labels(route);
      timers.set(route, timer);
    }
    timer.observe(ms / 1000);
    const { request_id, trace } = request;
    const line = {
      request_id,
      method: verb,
      route,
      status,
      ms: Math.round(ms * 10) / 10,
    };
    logger.info(trace === undefined ? line : { ...line, trace_id: traceIdOf(trace) });
  }

  function write(
    exchange: Exchange,
    status: number,
    answer: Answer,
    type: string,
    content?: string | Uint8Array,
  ): void {
    const { res, head, origin, request } = exchange;
    const { headers = {} } = answer;
    res.cork(() => {
      // The next request of this connection is to be read.
      if (exchange.rests) res.resume();
      if (status !== 200) res.writeStatus(statusLines.get(status) ?? String(status));
      res.writeHeader('X-Request-Id', request.request_id);
      res.writeHeader('X-Content-Type-Options', 'nosniff');
      const foreign = origin !== '' && origins.allows(origin);
      if (headers['Cache-Control'] === undefined) res.writeHeader('Cache-Control', 'no-store');
      // What is kept for one page must not be shown to the page of another origin.
      else if (!foreign) res.writeHeader('Vary', 'Origin');
      if (foreign) for (const [name, value] of corsHeaders(origin)) res.writeHeader(name, value);
      for (const name in headers) res.writeHeader(name, headers[name] ?? '');
      if (answer.stream !== undefined) {
        res.writeHeader('Content-Type', 'text/event-stream');
        if (head) res.endWithoutBody();
        else answer.stream(res);
        return;
      }
      if (answer.file !== undefined) {
        res.writeHeader('Content-Type', answer.file.type);
        if (!head) answer.file.send(res);
        else res.writeHeader('Content-Length', String(answer.file.size)).endWithoutBody();
        return;
      }
      if (content === undefined) {
        if (status !== 204 && status !== 304) res.writeHeader('Content-Length', '0');
        // Its arguments must stay away: with them uWebSockets writes a length of its own, or never ends.
        res.endWithoutBody();
        return;
      }
      res.writeHeader('Content-Type', type);
      if (head) {
        res.writeHeader('Content-Length', String(Buffer.byteLength(content)));
        res.endWithoutBody();
      } else {
        res.end(content, exchange.closes || draining());
      }
    });
  }

  function finish(exchange: Exchange, answer: Answer, code: string, problem = false): void {
    if (exchange.over) return;
    const { status, body, text, headers } = answer;
    for (const name in headers)
      if (badInHeader.test(headers[name] ?? '')) throw new Error(`The header ${name} holds a line break`);
    const type = text?.type ?? (problem ? 'application/problem+json' : 'application/json');
    const content = text?.content ?? (body === undefined ? undefined : JSON.stringify(body));
    exchange.over = true;
    exchange.onOver?.();
    write(exchange, status, answer, type, content);
    record(exchange, status, code);
  }

  return {
    answer: (exchange, answer) => finish(exchange, answer, 'ok'),
    refuse(exchange, error) {
      if (exchange.over) return;
      const { request, row } = exchange;
      if (!(error instanceof SuhbatError))
        logger.error({ ...requestFields(request), route: row.route.path, err: error }, 'a bug');
      const refusal = refusalOf(error);
      const body = { ...problemOf(refusal, request.request_id), ...row.route.refusalFields?.(refusal) };
      finish(
        exchange,
        { status: body.status, body, headers: refusalHeaders(refusal, body.status, exchange.limit) },
        refusal.code,
        true,
      );
    },
    abort(exchange) {
      if (exchange.over) return;
      exchange.over = true;
      exchange.onOver?.();
      record(exchange, abortedStatus, 'aborted');
    },
  };
}

const verbs: Record<string, string> = {
  get: 'GET',
  head: 'HEAD',
  post: 'POST',
  put: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  options: 'OPTIONS',
};

function verbOf(method: string): string {
  return Object.hasOwn(verbs, method) ? (verbs[method] ?? 'other') : 'other';
}

/** Seconds until it is worth trying again, where the refusal does not say. */
const retryAfter = 1;

function refusalHeaders(
  { retry_after_ms, allow }: Refusal,
  status: number,
  limit: Exchange['limit'],
): Record<string, string> {
  const headers: Record<string, string> = {};
  const seconds = retry_after_ms === undefined ? retryAfter : Math.ceil(retry_after_ms / 1000);
  if (status === 429 || status === 503) headers['Retry-After'] = String(seconds);
  if (limit !== undefined) {
    headers.RateLimit = `"${limit.name}";r=0;t=${seconds}`;
    headers['RateLimit-Policy'] = `"${limit.name}";q=${limit.quota};w=${limit.seconds}`;
  }
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer';
  if (allow !== undefined) headers.Allow = allow;
  return headers;
}

import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Clock } from '../../ops/process/clock.ts';
import { traceOf } from '../../ops/telemetry/trace.ts';
import { limits } from '../../schemas/limits.ts';
import type { ClientIp } from '../client-ip.ts';
import type { RouteRequest } from './route.ts';
import type { Row } from './rows.ts';

/** One HTTP request on its way through the pipeline, and what is known of it so far. */
export interface Exchange {
  readonly res: HttpResponse;
  readonly row: Row;
  readonly method: string;
  /** HEAD: the answer has no body. */
  readonly head: boolean;
  /** Monotonic milliseconds. */
  readonly began: number;
  readonly origin: string;
  readonly authorization: string;
  readonly contentType: string;
  readonly contentLength: number;
  /** The client said how long its body is. */
  readonly hasLength: boolean;
  readonly rawQuery: string;
  readonly rawParams: readonly string[];
  /** Nobody can tell where it ends: what follows could be its body, or a request that somebody smuggles in. */
  readonly ambiguous: boolean;
  readonly request: RouteRequest;
  /** The body's bytes, copied: uWebSockets takes its buffers back. */
  raw: Uint8Array | undefined;
  /** The connection ends after the answer. */
  closes: boolean;
  /** The client is not read from until it has its answer. */
  rests: boolean;
  /** The rate limit that refused it. */
  limit: { name: string; quota: number; seconds: number } | undefined;
  /** Answered or aborted: `res` must not be touched any more. */
  over: boolean;
  /** Monotonic milliseconds from which on it is too late; changed where a body takes longer to come in. */
  deadline: number;
  /** Told when the client goes away before its answer. */
  onGone: (() => void) | undefined;
  /** Told when it is answered or aborted. */
  onOver: (() => void) | undefined;
}

const idPattern = /^[A-Za-z0-9._:-]{1,64}$/;
const deviceLength = 200;

export interface Capture {
  clientIp: ClientIp;
  /** A request id of our own. */
  nextId(): string;
  /** Milliseconds from the request to its answer. */
  budgetMs: number;
  /** Of these the last ones are for the answer of a call that has used its budget up. */
  graceMs: number;
  clock: Pick<Clock, 'monotonic'>;
}

/** Milliseconds that a call gets at least. */
const leastMs = 500;

/**
 * Copies what the pipeline needs out of an HttpRequest, which lives only until the handler returns, and
 * attaches the abort handler before anything else can happen.
 */
export function capture(
  res: HttpResponse,
  req: HttpRequest,
  row: Row,
  began: number,
  { clientIp, nextId, budgetMs, graceMs, clock }: Capture,
  onAborted: (exchange: Exchange) => void,
): Exchange {
  const method = req.getMethod();
  const given = req.getHeader('x-request-id');
  const trace = traceGiven(req);
  const rawParams: string[] = [];
  for (let at = 0; at < row.names.length; at++) rawParams.push(req.getParameter(at) ?? '');
  const length = req.getHeader('content-length');
  const bodiless = method === 'get' || method === 'head';
  const coding = req.getHeader('transfer-encoding');
  const chunked = !bodiless && coding !== '';
  const forwarded = clientIp.proxies ? every(req, 'x-forwarded-for') : '';
  let address: string | undefined;
  const exchange: Exchange = {
    res,
    row,
    method,
    head: method === 'head',
    began,
    origin: req.getHeader('origin'),
    authorization: req.getHeader('authorization'),
    contentType: bodiless ? '' : req.getHeader('content-type'),
    contentLength: length === '' ? 0 : Number(length),
    hasLength: length !== '',
    rawQuery: row.validateQuery === undefined ? '' : req.getQuery(),
    rawParams,
    ambiguous: isAmbiguous(req, length, coding, bodiless),
    request: {
      params: {},
      query: {},
      body: undefined,
      ...(method === 'head' && { head: true as const }),
      ...(row.route.headers && { headers: headersOf(req, row.route.headers) }),
      request_id: idPattern.test(given) ? given : nextId(),
      ...(trace !== undefined && { trace }),
      ip() {
        // Not of a client that is gone: its `res` must not be touched.
        address ??= exchange.over ? 'unknown' : clientIp.find(res.getRemoteAddress(), forwarded);
        return address;
      },
      left() {
        const ms = exchange.deadline - graceMs - clock.monotonic();
        // The deadline of an upload is far away.
        return Math.ceil(Math.min(budgetMs - graceMs, Math.max(leastMs, ms)));
      },
      device: req.getHeader('user-agent').slice(0, deviceLength),
    },
    raw: undefined,
    // Until its body was read to the end, what follows an answer could be without bound.
    closes: chunked || Number(length) > limits.body,
    rests: false,
    limit: undefined,
    over: false,
    deadline: began + budgetMs,
    onGone: undefined,
    onOver: undefined,
  };
  res.onAborted(() => onAborted(exchange));
  return exchange;
}

function headersOf(req: HttpRequest, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, req.getHeader(name)]));
}

/**
 * A length given twice or left empty, or a coding other than one `chunked`, which uWebSockets takes for
 * chunks whatever it says (one that has a length too it refuses by itself).
 */
function isAmbiguous(req: HttpRequest, length: string, coding: string, bodiless: boolean): boolean {
  if (coding !== '' && (coding.toLowerCase() !== 'chunked' || times(req, 'transfer-encoding') > 1))
    return true;
  // A request without a body has no length as a rule: looking for an empty one would cost each of them.
  if (length === '') return !bodiless && times(req, 'content-length') > 0;
  return times(req, 'content-length') > 1;
}

/** Of several headers none is believed: nobody can tell which is right. */
function traceGiven(req: HttpRequest): string | undefined {
  const trace = traceOf(req.getHeader('traceparent'));
  return trace !== undefined && times(req, 'traceparent') === 1 ? trace : undefined;
}

/** uWebSockets gives the first of equal headers; where the others could mislead us we look at all. */
function times(req: HttpRequest, name: string): number {
  let count = 0;
  req.forEach((key) => {
    if (key === name) count++;
  });
  return count;
}

function every(req: HttpRequest, name: string): string {
  const values: string[] = [];
  req.forEach((key, value) => {
    if (key === name) values.push(value);
  });
  return values.join(',');
}

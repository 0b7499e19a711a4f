import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Clock } from '../../ops/process/clock.ts';
import type { AccessTokens, Caller } from '../../ops/security/access-tokens.ts';
import type { RevokedLogins } from '../../ops/security/revoked-logins.ts';
import { fail } from '../../schemas/errors.ts';
import type { CallLimits } from '../call-limits.ts';
import type { Limits } from '../limits.ts';
import { lowerIds } from '../lower-ids.ts';
import { callerOfTicket } from '../tickets.ts';
import { type BodyStream, openBody } from './body-stream.ts';
import { type Capture, capture, type Exchange } from './exchange.ts';
import { keyOf, once } from './idempotency.ts';
import { type LimitName, limit, limitName } from './limit.ts';
import { traced } from './meta.ts';
import { decodeBody, readBody } from './read-body.ts';
import type { Respond } from './respond.ts';
import type { Answer, RouteParts } from './route.ts';
import type { Row } from './rows.ts';
import { settlingMs } from './take-upload.ts';

export interface PipelineParts extends RouteParts, Capture {
  tokens: AccessTokens;
  revoked: Pick<RevokedLogins, 'has'>;
  limits: Limits<'messages'>;
  callLimits: CallLimits;
  /** Counts a refusal by a rate limit. */
  limited(limit: LimitName): void;
  respond: Respond;
  clock: Clock;
}

/** Gives nothing when it is done, a promise when it has to wait, and an answer when that is the end. */
type Step = (exchange: Exchange, parts: PipelineParts) => Answer | Later | undefined;
export type Later = Promise<Answer | undefined>;

/**
 * The REST pipeline. The router has matched before (404 `not_found`, 405 `method_not_allowed`, OPTIONS
 * 204), and ended what names two lengths. uWebSockets gives the body to who has asked for it in the turn of the
 * event loop in which the request came: it is asked for before anything waits, and let go where it is refused.
 *
 * | step         | does                                        | fails with                               |
 * |--------------|---------------------------------------------|------------------------------------------|
 * | authenticate | bearer token or ticket, revoked logins      | 401 `unauthenticated`                    |
 * | limit        | the caller's or address's rate              | 429 `rate_limited`                       |
 * | read         | at most 1 MiB of body; uploads are opened   | 413 `too_large`; slow or gone: no answer |
 * | decode       | JSON, strict UTF-8                          | 415 `unsupported_media_type`, 400        |
 * | validate     | parameters, query and body by their schemas | 400 `invalid`                            |
 * | limitName    | tries for one name or mail address          | 429 `rate_limited`                       |
 * | handle       | the route's own work, once per key          | whatever it throws; 504 `timeout`        |
 *
 * What is thrown anywhere goes to `respond`, as the answer does.
 */
const steps: readonly Step[] = [authenticate, admit, decode, validate, limitName, handle];

export interface Pipeline {
  /** Takes a matched request from uWebSockets. */
  accept(res: HttpResponse, req: HttpRequest, row: Row): void;
  /** Refuses what another step than ours has taken. */
  refuse(exchange: Exchange, error: unknown): void;
  /** Requests that are not answered yet. */
  inFlight(): number;
  /** Refuses what has passed its budget. Called about once a second. */
  sweep(): void;
}

/** What an upload may take to come in. */
const uploadMs = 15 * 60_000;
/** Answers in one turn of the event loop before the others wait for its end. */
const turnMost = 64;

export function createPipeline(parts: PipelineParts): Pipeline {
  const { respond } = parts;
  const waiting = new Set<Exchange>();
  let finished = 0;

  function onAborted(exchange: Exchange): void {
    waiting.delete(exchange);
    respond.abort(exchange);
    exchange.onGone?.();
  }

  /** Runs the steps from `at` on; goes on later where one has to wait. */
  function run(exchange: Exchange, from: number): void {
    try {
      for (let at = from; at < steps.length; at++) {
        const outcome = steps[at]?.(exchange, parts);
        if (outcome === undefined) continue;
        if (outcome instanceof Promise) {
          waiting.add(exchange);
          void resume(exchange, outcome, at + 1);
        } else {
          end(exchange, outcome);
        }
        return;
      }
    } catch (error) {
      refuse(exchange, error);
    }
  }

  async function resume(exchange: Exchange, pending: Later, at: number): Promise<void> {
    try {
      const outcome = await pending;
      if (exchange.over) return;
      if (outcome === undefined) run(exchange, at);
      else end(exchange, outcome);
    } catch (error) {
      refuse(exchange, error);
    }
  }

  function end(exchange: Exchange, answer: Answer): void {
    finish(exchange, () => respond.answer(exchange, answer));
  }

  function refuse(exchange: Exchange, error: unknown): void {
    finish(exchange, () => respond.refuse(exchange, error));
  }

  /**
   * One read may bring 19,000 pipelined requests, and what is answered at once would all be answered before
   * anybody else's turn. Behind the first of a turn answers wait for its end: uWebSockets ends a connection
   * whose next request comes before its answer, and others do not feel it.
   */
  function finish(exchange: Exchange, write: () => void): void {
    if (finished === 0)
      setImmediate(() => {
        finished = 0;
      });
    if (++finished <= turnMost) {
      waiting.delete(exchange);
      write();
      return;
    }
    waiting.add(exchange);
    setImmediate(() => {
      waiting.delete(exchange);
      write();
    });
  }

  return {
    accept(res, req, row) {
      const exchange = capture(res, req, row, parts.clock.monotonic(), parts, onAborted);
      // Ended without an answer: after one, what follows would still be read as a request.
      if (exchange.ambiguous) res.close();
      else run(exchange, 0);
    },
    refuse,
    inFlight: () => waiting.size,
    sweep() {
      const now = parts.clock.monotonic();
      for (const exchange of waiting) {
        if (now < exchange.deadline) continue;
        // Whoever is still sending would not read an answer; the abort handler does the rest.
        if (exchange.row.validateBody && exchange.raw === undefined) exchange.res.close();
        else if (exchange.row.route.upload && exchange.closes) exchange.res.close();
        else refuse(exchange, fail('timeout'));
      }
    },
  };
}

function authenticate(exchange: Exchange, parts: PipelineParts): Later | undefined {
  const { auth } = exchange.row.route;
  if (auth === 'open') return undefined;
  if (auth === 'ticket' && exchange.authorization === '') {
    const ticket = new URLSearchParams(exchange.rawQuery).get('ticket');
    if (ticket) return authenticateTicket(exchange, parts, ticket);
  }
  // A service looks at the signature: without a caller it is all there is.
  if (auth === 'signature' && exchange.authorization === '' && /(^|&)sig=/.test(exchange.rawQuery))
    return undefined;
  exchange.request.caller = callerOf(exchange.authorization, parts);
  return undefined;
}

/** Only where there is no body: nothing may wait before that is asked for. */
async function authenticateTicket(
  { request }: Exchange,
  { call, clock, revoked }: PipelineParts,
  ticket: string,
): Promise<undefined> {
  const meta = traced({ request_id: request.request_id, budget_ms: request.left() }, request.trace);
  request.caller = notRevoked(await callerOfTicket(call, ticket, clock.now(), meta), revoked);
}

const bearer = /^Bearer +([^\s]+)$/i;

/** The caller that an `Authorization` header names. Throws `unauthenticated`. */
export function callerOf(
  authorization: string,
  { tokens, revoked }: Pick<PipelineParts, 'tokens' | 'revoked'>,
): Caller {
  const token = bearer.exec(authorization)?.[1];
  if (token === undefined) throw fail('unauthenticated', { reason: 'no_token' });
  return notRevoked(tokens.verify(token), revoked);
}

function notRevoked(caller: Caller, revoked: Pick<RevokedLogins, 'has'>): Caller {
  if (revoked.has(caller.login_id)) throw fail('unauthenticated', { reason: 'login_revoked' });
  return caller;
}

/** The steps `limit` and `read`: where a limit is counted elsewhere the body comes in meanwhile. */
function admit(exchange: Exchange, parts: PipelineParts): Later | undefined {
  const allowed = limit(exchange, parts);
  const { upload, slow } = exchange.row.route;
  if (slow) exchange.deadline += settlingMs;
  if (upload) {
    exchange.request.upload = openBody(exchange, upload.most, parts.clock, parts.media.onFault);
    exchange.deadline = exchange.began + uploadMs;
    exchange.request.settling = () => {
      exchange.deadline = parts.clock.monotonic() + settlingMs + parts.budgetMs;
    };
  }
  const body = exchange.row.validateBody === undefined ? undefined : readBody(exchange);
  return allowed && body ? inOrder(allowed, body) : (allowed ?? body);
}

/** What the limit says comes first; who waits for it may never look at the body. */
async function inOrder(allowed: Later, body: Promise<undefined>): Promise<undefined> {
  body.catch(() => undefined);
  await allowed;
  await body;
}

function decode(exchange: Exchange): undefined {
  if (exchange.row.validateBody !== undefined) exchange.request.body = decodeBody(exchange);
}

function validate({ row, request, rawParams, rawQuery }: Exchange): undefined {
  for (const [at, name] of row.names.entries()) request.params[name] = decodeParam(rawParams[at] ?? '', name);
  if (row.validateQuery) {
    request.query = knownQuery(rawQuery, row.queryNames);
    row.validateQuery(request.query);
    lowerIds(request.query);
  }
  if (row.validateBody) {
    row.validateBody(request.body);
    lowerIds(request.body as Record<string, unknown>);
  }
}

function decodeParam(raw: string, name: string): string {
  let value: string;
  try {
    value = decodeURIComponent(raw);
  } catch {
    value = '';
  }
  if (value === '' || value.includes('\0'))
    throw fail('invalid', { errors: [{ path: `/${name}`, message: 'is not well encoded' }] });
  return name === 'id' || name.endsWith('_id') ? lowerIfUuid(value) : value;
}

/** `{id}` may also be a username, which keeps its case. */
function lowerIfUuid(value: string): string {
  return value.length === 36 ? value.toLowerCase() : value;
}

/** Unknown parameters are ignored; of a repeated one the first counts. */
function knownQuery(raw: string, names: readonly string[]): Record<string, string> {
  const query: Record<string, string> = {};
  if (raw === '') return query;
  const given = new URLSearchParams(raw);
  for (const name of names) {
    const value = given.get(name);
    if (value === null) continue;
    if (value.includes('\0'))
      throw fail('invalid', { errors: [{ path: `/${name}`, message: 'holds U+0000' }] });
    query[name] = value;
  }
  return query;
}

/** A refusal before the end of a body waits a moment for what was sent already. */
function afterBody(upload: BodyStream): (error: unknown) => Promise<never> {
  return async (error) => {
    await upload.discard();
    throw error;
  };
}

function handle(exchange: Exchange, parts: PipelineParts): Promise<Answer> {
  const key = keyOf(exchange.request);
  if (key !== undefined) return once(exchange, key, parts);
  const { request, row } = exchange;
  const answer = row.route.handle(request, parts);
  return request.upload === undefined ? answer : answer.catch(afterBody(request.upload));
}

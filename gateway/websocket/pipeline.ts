import type { Result } from '../../actors/client/ask.ts';
import type { Rate } from '../../ops/config/rates.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { Metrics } from '../../ops/telemetry/metrics.ts';
import { fail, type Refusal, refusalOf, SuhbatError } from '../../schemas/errors.ts';
import type { RequestFrame } from '../../schemas/frames/client.ts';
import { decode, encodeError, encodeOk, validate } from '../../schemas/frames/codec.ts';
import { limits as sizes } from '../../schemas/limits.ts';
import { type Limits, takeToken } from '../limits.ts';
import { lowerIds } from '../lower-ids.ts';
import { type CloseReason, type Connection, type Excess, send, sendAll } from './connection.ts';
import { handlers } from './handlers.ts';
import type { Pending, Settled } from './lanes.ts';

export interface FramePipelineParts {
  clock: Clock;
  metrics: Metrics;
  /** The rate of one connection. */
  rate: Rate;
  limits: Limits<'messages'>;
  draining(): boolean;
  /** Requests that the gateway does itself: `ping`, `auth`, `presence.watch`. */
  own(connection: Connection, frame: RequestFrame): object | Promise<object>;
  route(connection: Connection, pending: Pending): void;
  close(connection: Connection, why: CloseReason): void;
  report(error: unknown): void;
}

export interface FramePipeline {
  /** Takes one frame from a socket; `data` lives only until this returns. */
  accept(connection: Connection, data: ArrayBuffer, isBinary: boolean): void;
  /** Replies to requests that were routed. */
  settle(connection: Connection, settled: readonly Settled[]): void;
  /** Requests of all connections without a reply yet. */
  outstanding(): number;
}

/** Requests of one connection without a reply: more are refused, so that no queue grows without bound. */
const outstandingMost = 256;
const misuseMost = 10;
const misuseWindowMs = 60_000;
/** Over its rate with no pause of a second for so long, a connection is closed. */
const sustainedMs = 10_000;
const pauseMs = 1000;
/** Refusing costs too, and one read may bring 20,000 frames: so many without such a pause also close it. */
const overMost = 1000;

/**
 * The WebSocket pipeline, in the order of `accept`:
 *
 * | step         | does                                           | fails with                             |
 * |--------------|------------------------------------------------|----------------------------------------|
 * | size         | text of at most 64 KiB                         | closes 4013; binary closes 4002        |
 * | decode       | a JSON object with a usable `id`               | error without `re`; ten a minute: 4002 |
 * | limit        | the connection's rate, and what is outstanding | `rate_limited`; 10 s or 1,000 of it: 4009 |
 * | validate     | the schema that `type` names, ids lower-cased  | `invalid`                              |
 * | authenticate | all but `auth` and `ping` need a user          | `unauthenticated`                      |
 * | limit        | messages of the login, shared with REST        | `rate_limited`                         |
 * | route        | to the owner, a service, or the gateway itself | whatever they refuse                   |
 *
 * The connection's rate comes before `validate`, so that bad frames count too. Every frame with a usable
 * `id` gets exactly one reply, as long as the connection lives.
 */
export function createFramePipeline(parts: FramePipelineParts): FramePipeline {
  const { clock, metrics, rate, limits, own, route, close } = parts;
  const framesIn = new Map<string, { inc(): void }>();
  const replies = metrics.framesOut.labels('reply');
  const timers = new Map<string, { observe(seconds: number): void }>();
  let outstanding = 0;

  function accept(connection: Connection, data: ArrayBuffer, isBinary: boolean): void {
    if (isBinary || data.byteLength > sizes.frame) {
      close(connection, isBinary ? 'misuse' : 'too_large');
      return;
    }
    const began = clock.monotonic();
    let id: string | undefined;
    try {
      const decoded = decode(Buffer.from(data).toString());
      id = decoded.id;
      if (id === undefined) throw fail('invalid', { reason: 'no_id', detail: 'A request needs an id' });
      limitConnection(connection, began);
      if (decoded.fault !== undefined) throw decoded.fault;
      const frame = validate(decoded.frame);
      lowerIds(frame as unknown as Record<string, unknown>);
      count(frame.type);
      perform(connection, frame, began);
    } catch (error) {
      refuse(connection, id, error, began);
    }
  }

  function limitConnection(connection: Connection, now: number): void {
    connection.rate ??= { tokens: rate.burst, at: now };
    const retry_after_ms = takeToken(connection.rate, rate, now);
    if (retry_after_ms > 0) {
      metrics.rateLimited.inc({ limit: 'frames' });
      const excess = excessOf(connection);
      if (now - excess.over_last > pauseMs) {
        excess.over_since = now;
        excess.over_count = 0;
      }
      excess.over_last = now;
      if (now - excess.over_since >= sustainedMs || ++excess.over_count > overMost)
        close(connection, 'too_many');
      throw fail('rate_limited', { retry_after_ms });
    }
    if (connection.outstanding >= outstandingMost)
      throw fail('unavailable', { reason: 'too_many_waiting', retry_after_ms: pauseMs });
    if (parts.draining()) throw fail('unavailable', { reason: 'draining', retry_after_ms: pauseMs });
  }

  function perform(connection: Connection, frame: RequestFrame, began: number): void {
    const { user } = connection;
    const handler = handlers[frame.type];
    if (handler.by === 'own' && (user !== undefined || frame.type !== 'presence.watch')) {
      void performOwn(connection, frame, began);
      return;
    }
    if (user === undefined) throw fail('unauthenticated', { reason: 'no_token' });
    if (frame.type === 'message.send') limitMessages(connection);
    begin(connection);
    try {
      route(connection, { frame, handler: handler as Pending['handler'], userId: user.id, began });
    } catch (error) {
      done(connection, 1);
      throw error;
    }
  }

  function limitMessages(connection: Connection): void {
    const retry_after_ms = limits.take('messages', connection.login_id);
    if (retry_after_ms === 0) return;
    metrics.rateLimited.inc({ limit: 'messages' });
    throw fail('rate_limited', { retry_after_ms });
  }

  async function performOwn(connection: Connection, frame: RequestFrame, began: number): Promise<void> {
    begin(connection);
    let text: string;
    let code = 'ok';
    try {
      const fields = own(connection, frame);
      text = encodeOk(frame.id, fields instanceof Promise ? await fields : fields);
    } catch (error) {
      if (!(error instanceof SuhbatError)) parts.report(error);
      const refusal = refusalOf(error);
      code = refusal.code;
      text = encodeError(frame.id, refusal);
    }
    done(connection, 1);
    measure(frame.type, code, began);
    replies.inc();
    send(connection, text);
  }

  function settle(connection: Connection, settled: readonly Settled[]): void {
    done(connection, settled.length);
    const frames = settled.map(({ pending: { frame, began }, result }) => {
      measure(frame.type, 'refusal' in result ? result.refusal.code : 'ok', began);
      return encodeReply(frame, result);
    });
    if (connection.state === 'closing') return;
    for (const _ of frames) replies.inc();
    sendAll(connection, frames);
  }

  function begin(connection: Connection): void {
    outstanding++;
    connection.outstanding++;
  }

  function done(connection: Connection, times: number): void {
    outstanding -= times;
    connection.outstanding -= times;
  }

  /** A request that was refused before it was routed. */
  function refuse(connection: Connection, id: string | undefined, error: unknown, began: number): void {
    if (!(error instanceof SuhbatError)) parts.report(error);
    const refusal = refusalOf(error);
    measure('refused', refusal.code, began);
    replies.inc();
    send(connection, encodeError(id, refusal));
    if (id === undefined) countMisuse(connection, began);
  }

  function countMisuse(connection: Connection, now: number): void {
    const excess = excessOf(connection);
    if (now - excess.misused_at >= misuseWindowMs) {
      excess.misused_at = now;
      excess.misuses = 0;
    }
    excess.misuses++;
    if (excess.misuses >= misuseMost) close(connection, 'misuse');
  }

  function count(type: string): void {
    const counter = framesIn.get(type) ?? metrics.framesIn.labels(type);
    framesIn.set(type, counter);
    counter.inc();
  }

  function measure(type: string, code: string, began: number): void {
    const key = `${type} ${code}`;
    const timer = timers.get(key) ?? metrics.frameSeconds.labels(type, code);
    timers.set(key, timer);
    timer.observe((clock.monotonic() - began) / 1000);
  }

  return { accept, settle, outstanding: () => outstanding };
}

function excessOf(connection: Connection): Excess {
  connection.excess ??= {
    over_since: 0,
    over_last: Number.NEGATIVE_INFINITY,
    over_count: 0,
    misuses: 0,
    misused_at: Number.NEGATIVE_INFINITY,
  };
  return connection.excess;
}

function encodeReply(frame: RequestFrame, result: Result): string {
  if ('reply' in result) return encodeOk(frame.id, (result.reply ?? {}) as object);
  return encodeRefusal(frame, result.refusal);
}

/** A send of unknown outcome may be repeated: its `client_id` sees to that. */
function encodeRefusal(frame: RequestFrame, refusal: Refusal): string {
  const again = frame.type === 'message.send' && refusal.code === 'timeout';
  return again ? encodeError(frame.id, refusal, true) : encodeError(frame.id, refusal);
}

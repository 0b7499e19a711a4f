import { type Actors, askOptionsOf, type Result } from '../../actors/client/ask.ts';
import type { Call, CallMeta } from '../../ops/broker/call.ts';
import { fail, type Refusal, refusalOf, SuhbatError } from '../../schemas/errors.ts';
import type { RequestFrame } from '../../schemas/frames/client.ts';
import type { Connection } from './connection.ts';
import { type Handler, paramsOf } from './handlers.ts';

/** One request that waits for its turn, or for its reply. */
export interface Pending {
  readonly frame: RequestFrame;
  readonly handler: Handler;
  readonly userId: string;
  /** Monotonic milliseconds. */
  readonly began: number;
}

/** The requests of one connection to one chat: one call in flight, the others in the order sent. */
export interface Lane {
  readonly chatId: string;
  queue: Pending[];
}

export interface LaneParts {
  actors: Actors;
  call: Call;
  /** Does not wait for a service that nobody serves just now. */
  callNow: Call;
  /** Of a call that may take `budgetMs`. */
  meta(connection: Connection, budgetMs: number): CallMeta;
  /** Milliseconds that a request may take from its arrival, its wait in the lane included. */
  budgetMs: number;
  /** Monotonic milliseconds. */
  monotonic(): number;
  /** Each pending request is settled here exactly once, whatever happens; several are one batch. */
  settle(connection: Connection, settled: readonly Settled[]): void;
  /** A thrown value that is no refusal: a bug. */
  report(error: unknown): void;
}

export interface Settled {
  pending: Pending;
  result: Result;
}

export interface Lanes {
  /** Sends the request on its way: at once, or in its chat's lane. Throws what the row throws. */
  route(connection: Connection, pending: Pending): void;
}

/** Commands in one ask. */
const batchMost = 64;
/** Milliseconds. */
const leastMs = 500;

export function createLanes(parts: LaneParts): Lanes {
  const { actors, call, settle, report } = parts;
  let opened: { connection: Connection; lane: Lane }[] = [];

  function route(connection: Connection, pending: Pending): void {
    const chatId = chatOf(pending);
    if (chatId === undefined) {
      void callService(connection, pending);
      return;
    }
    connection.lanes ??= new Map();
    const lane = connection.lanes.get(chatId);
    if (lane !== undefined) {
      lane.queue.push(pending);
      return;
    }
    const fresh: Lane = { chatId, queue: [pending] };
    connection.lanes.set(chatId, fresh);
    if (opened.length === 0) setImmediate(begin);
    opened.push({ connection, lane: fresh });
  }

  /** What one read of a socket brings for a chat goes as one ask: the first request waits for the end of the turn. */
  function begin(): void {
    const lanes = opened;
    opened = [];
    for (const { connection, lane } of lanes) void work(connection, lane);
  }

  /** Empties the lane; also after the connection has gone, since what was sent may take effect. */
  async function work(connection: Connection, lane: Lane): Promise<void> {
    for (;;) {
      dropLate(connection, lane);
      const batch = nextBatch(lane);
      const [first] = batch;
      if (first === undefined) break;
      if (first.handler.by === 'service') await callService(connection, first);
      else await askOwner(connection, lane.chatId, batch);
    }
    connection.lanes?.delete(lane.chatId);
    if (connection.lanes?.size === 0) connection.lanes = undefined;
  }

  /** Who waited until the budget was over is refused: nothing was done. */
  function dropLate(connection: Connection, lane: Lane): void {
    const [first] = lane.queue;
    if (first === undefined || leftOf(first) > 0) return;
    const inTime = lane.queue.findIndex((pending) => leftOf(pending) > 0);
    const dropped = lane.queue.splice(0, inTime < 0 ? lane.queue.length : inTime);
    settle(connection, dropped.map(tooLate));
  }

  function leftOf({ began }: Pending): number {
    return parts.budgetMs - (parts.monotonic() - began);
  }

  /** What a call for this request may take: the rest of its budget, but enough to be worth a call. */
  function budgetOf(pending: Pending): number {
    return Math.max(leastMs, Math.ceil(leftOf(pending)));
  }

  async function askOwner(connection: Connection, chatId: string, batch: readonly Pending[]): Promise<void> {
    let results: Result[];
    try {
      results = await ask(connection, chatId, batch);
      const opener = batch.findIndex(({ frame }, at) => opensChat(frame) && foundNoChat(results[at]));
      if (opener >= 0) results = await openPrivateChat(connection, chatId, batch, results, opener);
    } catch (error) {
      const result = refused(error);
      results = batch.map(() => result);
    }
    settle(
      connection,
      batch.map((pending, at) => ({ pending, result: results[at] ?? bug })),
    );
  }

  /** The first of a batch has waited longest: what is left to it is everybody's. */
  function ask(connection: Connection, chatId: string, batch: readonly Pending[]): Promise<Result[]> {
    const meta = parts.meta(connection, budgetOf(batch[0] as Pending));
    return actors.ask('chat', chatId, batch.map(commandOf), askOptionsOf(meta));
  }

  /**
   * A first message to somebody, at `opener`, opens the private chat: it is made, and the send is repeated
   * with all that came after it and found no chat either, in order.
   */
  async function openPrivateChat(
    connection: Connection,
    chatId: string,
    batch: readonly Pending[],
    results: Result[],
    opener: number,
  ): Promise<Result[]> {
    const first = batch[opener] as Pending;
    const early = batch.flatMap((_, at) => (at >= opener && foundNoChat(results[at]) ? [at] : []));
    const created = await guarded(async () => {
      const user_id = 'user_id' in first.frame ? first.frame.user_id : undefined;
      const meta = parts.meta(connection, budgetOf(first));
      await call('chats.create', { chat_type: 'private', user_id }, meta);
      return [];
    });
    const repeated = Array.isArray(created)
      ? await ask(
          connection,
          chatId,
          early.flatMap((at) => batch[at] ?? []),
        )
      : early.map((at) => (at === opener || opensChat((batch[at] as Pending).frame) ? created : results[at]));
    const all = [...results];
    for (const [at, place] of early.entries()) all[place] = repeated[at] ?? bug;
    return all;
  }

  async function callService(connection: Connection, pending: Pending): Promise<void> {
    const { handler, frame } = pending;
    const result = await guarded(async () => {
      if (handler.by !== 'service') throw new Error(`${frame.type} is no call`);
      const meta = parts.meta(connection, budgetOf(pending));
      const ask = handler.reads ? parts.callNow : call;
      const reply = await ask<unknown>(handler.action, paramsOf(frame), meta);
      return { reply: handler.reply === undefined ? reply : handler.reply(reply) };
    });
    settle(connection, [{ pending, result }]);
  }

  /** Whatever is thrown as a result: a lane must go on. */
  async function guarded<T>(run: () => Promise<T>): Promise<T | { refusal: Refusal }> {
    try {
      return await run();
    } catch (error) {
      return refused(error);
    }
  }

  function refused(error: unknown): { refusal: Refusal } {
    if (!(error instanceof SuhbatError)) report(error);
    return { refusal: refusalOf(error) };
  }

  return { route };
}

const bug: Result = { refusal: fail('internal').refusal };

/** The rows' types hold by construction: a handler only ever sees frames of its own type. */
function chatOf({ handler, frame, userId }: Pending): string | undefined {
  return handler.by === 'own' ? undefined : handler.chatId?.(frame as never, userId);
}

function commandOf({ handler, frame, userId }: Pending): object {
  if (handler.by !== 'actor') throw new Error(`${frame.type} is no command`);
  return handler.command(frame as never, userId);
}

/** Consecutive commands together, or one call. */
function nextBatch(lane: Lane): Pending[] {
  const { queue } = lane;
  let size = 0;
  while (size < queue.length && size < batchMost && queue[size]?.handler.by === 'actor') size++;
  return queue.splice(0, Math.max(1, size));
}

function tooLate(pending: Pending): Settled {
  return { pending, result: { refusal: fail('unavailable', { reason: 'too_late' }).refusal } };
}

function opensChat(frame: RequestFrame): boolean {
  return frame.type === 'message.send' && frame.user_id !== undefined;
}

function foundNoChat(result: Result | undefined): boolean {
  if (result === undefined || !('refusal' in result)) return false;
  const { code, reason } = result.refusal;
  return code === 'not_found' && reason === 'no_chat';
}

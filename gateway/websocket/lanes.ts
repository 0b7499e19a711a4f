import type { Actors, Result } from '../../actors/client/ask.ts';
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
  meta(connection: Connection): CallMeta;
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

export function createLanes({ actors, call, meta, settle, report }: LaneParts): Lanes {
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
    void work(connection, fresh);
  }

  /** Empties the lane; also after the connection has gone, since what was sent may take effect. */
  async function work(connection: Connection, lane: Lane): Promise<void> {
    for (;;) {
      const batch = nextBatch(lane);
      const [first] = batch;
      if (first === undefined) break;
      if (first.handler.by === 'service') await callService(connection, first);
      else await askOwner(connection, lane.chatId, batch);
    }
    connection.lanes?.delete(lane.chatId);
    if (connection.lanes?.size === 0) connection.lanes = undefined;
  }

  async function askOwner(connection: Connection, chatId: string, batch: readonly Pending[]): Promise<void> {
    const results = await guarded(async () => {
      const first = await ask(chatId, batch);
      return openPrivateChat(connection, chatId, batch, first);
    });
    settle(
      connection,
      batch.map((pending, at) => ({
        pending,
        result: Array.isArray(results) ? (results[at] ?? bug) : results,
      })),
    );
  }

  function ask(chatId: string, batch: readonly Pending[]): Promise<Result[]> {
    return actors.ask('chat', chatId, batch.map(commandOf));
  }

  /** A first message to somebody opens the private chat: it is made, and the sends are repeated in order. */
  async function openPrivateChat(
    connection: Connection,
    chatId: string,
    batch: readonly Pending[],
    results: Result[],
  ): Promise<Result[]> {
    const early = batch.flatMap((pending, at) => (needsChat(pending, results[at]) ? [at] : []));
    const [opener] = early;
    if (opener === undefined) return results;
    const { frame } = batch[opener] as Pending;
    const created = await guarded(async () => {
      const user_id = 'user_id' in frame ? frame.user_id : undefined;
      await call('chats.create', { chat_type: 'private', user_id }, meta(connection));
      return [];
    });
    const repeated = Array.isArray(created)
      ? await ask(
          chatId,
          early.flatMap((at) => batch[at] ?? []),
        )
      : early.map(() => created);
    const all = [...results];
    for (const [at, place] of early.entries()) all[place] = repeated[at] ?? bug;
    return all;
  }

  async function callService(connection: Connection, pending: Pending): Promise<void> {
    const { handler, frame } = pending;
    const result = await guarded(async () => {
      if (handler.by !== 'service') throw new Error(`${frame.type} is no call`);
      const reply = await call<unknown>(handler.action, paramsOf(frame), meta(connection));
      return { reply: handler.reply === undefined ? reply : handler.reply(reply) };
    });
    settle(connection, [{ pending, result }]);
  }

  /** Whatever is thrown as a result: a lane must go on. */
  async function guarded<T>(run: () => Promise<T>): Promise<T | { refusal: Refusal }> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof SuhbatError)) report(error);
      return { refusal: refusalOf(error) };
    }
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

function needsChat({ frame }: Pending, result: Result | undefined): boolean {
  return (
    frame.type === 'message.send' &&
    frame.user_id !== undefined &&
    result !== undefined &&
    'refusal' in result &&
    result.refusal.code === 'not_found' &&
    result.refusal.reason === 'no_chat'
  );
}

import { chatKind } from '../../../actors/chat/kind.ts';
import { createSqlChatStore } from '../../../actors/chat/sql-store.ts';
import { createActors } from '../../../actors/client/actors.ts';
import { createShardMap } from '../../../actors/client/placement.ts';
import { shardOf } from '../../../actors/client/shard-of.ts';
import { createMemoryJournal } from '../../../actors/journal/memory-journal.ts';
import type { FlushStore } from '../../../actors/runtime/flush-store.ts';
import { actorActions, actorsService } from '../../../actors/runtime/host.service.ts';
import { ActorHost } from '../../../actors/runtime/host.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { createPostgresFlushStore } from '../../../actors/runtime/postgres-flush-store.ts';
import { chatRoutes } from '../../../gateway/http/routes/chats.ts';
import { messageRoutes } from '../../../gateway/http/routes/messages.ts';
import { createBroker, createCall, createNodeCall, defineService } from '../../../ops/broker/broker.ts';
import type { CallMeta } from '../../../ops/broker/call.ts';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import type { Transaction } from '../../../ops/connections/postgres.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { createMediaUrls } from '../../../ops/security/media-urls.ts';
import { createLogger } from '../../../ops/telemetry/logger.ts';
import type { Chat } from '../../../schemas/chat/wire.ts';
import { newId } from '../../../schemas/ids.ts';
import { validator } from '../../../schemas/validator.ts';
import { createChatsService } from '../../../services/chats/chats.service.ts';
import type { UsersParts } from '../../../services/users/parts.ts';
import { profileActions } from '../../../services/users/profiles.ts';
import { relationActions } from '../../../services/users/relations.ts';
import { insertUser } from '../../../services/users/users.store.ts';
import { createViews } from '../../../services/users/views.ts';
import { connectTo, createTestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';

export interface Ask {
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: object;
}

export const shards = 8;

const routes = new Map(
  [...chatRoutes, ...messageRoutes].map((route) => [
    `${route.method} ${route.path}`,
    { route, body: route.body && validator(route.body), query: route.query && validator(route.query) },
  ]),
);

/** The chats service over real actors and a real database, asked through its actions and its routes. */
export async function startChats() {
  const clock = systemClock;
  const database = await createTestDatabase();
  const connect = (maxConnections: number) => connectTo(database.url, { maxConnections });
  const [db, flusherDb] = await Promise.all([connect(8), connect(3)]);
  const bus = createLocalBus();
  const envelopes: { subject: string; envelope: Envelope }[] = [];
  const publish = bus.publish.bind(bus);
  bus.publish = (subject, envelope) => {
    envelopes.push({ subject, envelope });
    publish(subject, envelope);
  };
  const flush = held(createPostgresFlushStore(flusherDb));
  const journal = createMemoryJournal({ exclusive: true });
  const node = newId();
  const host = new ActorHost<Transaction>({
    node,
    shards,
    journal: journal.attach(),
    store: flush.store,
    kinds: [anyKind(chatKind(createSqlChatStore(db)))],
    bus,
    clock,
    observer: { batch() {}, refused() {}, flush() {}, buried() {} },
    placement: { owner: () => node, isLive: (other) => other === node, askRelease() {} },
    options: { idleMs: 50, sweepMs: 20, flushIntervalMs: 1 },
    log() {},
  });
  const broker = createBroker({ nodeId: node, logger: createLogger('silent'), requestTimeoutMs: 5000 });
  const call = createCall(broker);
  const actors = createActors({
    callNode: createNodeCall(broker, { node, actions: actorActions(host) }),
    map: createShardMap(shards, [node]),
    shards,
    clock,
    random: Math.random,
    budgetMs: 5000,
    observe() {},
  });
  broker.createService(actorsService(host));
  // Of the users service these tests need what looks users up.
  const views = createViews(createMediaUrls('a secret of at least thirty-two bytes', clock));
  const users = { db, clock, bus, actors, call, views } as unknown as UsersParts;
  broker.createService(defineService('users', { ...profileActions(users), ...relationActions(users) }));
  broker.createService(createChatsService({ db, actors, call }));
  await host.start();
  await broker.start();

  function metaOf(userId: string): CallMeta {
    return { request_id: newId(), user_id: userId, login_id: newId() };
  }

  /** One action of the service, as a user. */
  function as<Reply = Record<string, never>>(userId: string, action: string, params: object): Promise<Reply> {
    return call<Reply>(`chats.${action}`, params, metaOf(userId));
  }

  /** One command to a chat's actor, as a user. */
  function tell<Reply = { seq: number }>(userId: string, chatId: string, command: object): Promise<Reply> {
    return actors.one<Reply>('chat', chatId, { ...command, by: userId });
  }

  /** A route, as the gateway takes it: body, query and answer are held to their schemas. */
  async function rest<Body = Record<string, never>>(userId: string, name: string, asked: Ask = {}) {
    const found = routes.get(name);
    if (found === undefined) throw new Error(`There is no route ${name}`);
    found.query?.(asked.query ?? {});
    const caller = { user_id: userId, login_id: newId(), expires_at: clock.now() + 60_000 };
    const request = {
      params: asked.params ?? {},
      query: asked.query ?? {},
      body: found.body?.(asked.body),
      caller,
      request_id: newId(),
      ip: () => '192.0.2.1',
      left: () => 5000,
      device: 'test',
    };
    const none = undefined as never;
    const { status, body } = await found.route.handle(request, {
      call,
      callNow: call,
      actors,
      tokens: none,
      openStream: none,
      media: none,
    });
    if (!(status in found.route.replies)) throw new Error(`${name} answered ${status}`);
    const schema = found.route.replies[status];
    if (schema !== undefined) validator(schema)(body);
    return { status, body: body as Body };
  }

  let made = 0;
  async function aUser(name?: string): Promise<string> {
    const id = newId();
    const username = name ?? `user_of_chats_${++made}`;
    const names = { username, password_hash: 'none', first_name: null, last_name: null };
    await insertUser(db, { id, pending_email: `${username}@example.com`, ...names }, clock.now());
    return id;
  }

  return {
    db,
    host,
    flush,
    envelopes,
    call,
    as,
    tell,
    rest,
    aUser,
    send: (userId: string, chatId: string, text: string) =>
      tell<{ seq: number; created_at: string }>(userId, chatId, {
        type: 'message.send',
        client_id: newId(),
        kind: 'text',
        text,
      }),
    async group(owner: string, members: string[], title = 'Group'): Promise<Chat> {
      const params = { chat_type: 'group', title, member_ids: members };
      return (await as<{ chat: Chat }>(owner, 'create', params)).chat;
    },
    async privately(one: string, other: string): Promise<Chat> {
      const params = { chat_type: 'private', user_id: other };
      return (await as<{ chat: Chat }>(one, 'create', params)).chat;
    },
    /** The newest record of the chat's shard is lost: the shard waits for an operator, until the test ends. */
    async quarantine(chatId: string) {
      (journal.records(shardOf('chat', chatId, shards)) as unknown[]).pop();
      await host.journalBack();
    },
    /** Until no chat is in memory: then SQL is read. */
    cold: () => eventually(() => (host.stats().actors.chat === 0 ? true : 'chats are in memory')),
    async stop() {
      flush.release();
      await broker.stop();
      await host.drain(2000);
      await bus.close();
      await Promise.all([db.end(), flusherDb.end()]);
      await database.drop();
    },
  };
}

export type Chats = Awaited<ReturnType<typeof startChats>>;

/** The flusher's store, whose transactions a test can hold back: PostgreSQL falls behind. */
function held(inner: FlushStore<Transaction>) {
  let gate: { open: Promise<void>; release: () => void } | undefined;
  return {
    store: {
      ...inner,
      async transaction(lane: number, work: (tx: Transaction) => Promise<void>) {
        await gate?.open;
        await inner.transaction(lane, work);
      },
    } satisfies FlushStore<Transaction>,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = { open: promise, release: resolve };
    },
    release() {
      gate?.release();
      gate = undefined;
    },
  };
}

import type { TemplatedApp } from 'uWebSockets.js';
import type { Actors } from '../../actors/client/ask.ts';
import type { Call, CallMeta } from '../../ops/broker/call.ts';
import type { Bus, ChatNote, Heard } from '../../ops/bus/bus.ts';
import type { OnlineKeys } from '../../ops/ephemeral/online-keys.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { Metrics } from '../../ops/telemetry/metrics.ts';
import { fail } from '../../schemas/errors.ts';
import { encodeEvent } from '../../schemas/frames/codec.ts';
import { subjects } from '../../schemas/subjects.ts';
import type { EventStreams } from '../events/streams.ts';
import type { Connection } from '../websocket/connection.ts';
import { createLocalChats } from './chats.ts';
import { createDeliver } from './deliver.ts';
import type { LocalUser } from './local.ts';
import { RecentMarks } from './recent-marks.ts';
import { createWatches, type Watches } from './watches.ts';

export interface FanoutParts {
  app: TemplatedApp;
  streams: EventStreams;
  bus: Bus;
  call: Call;
  /** Does not wait for a service that nobody serves just now. */
  callNow: Call;
  actors: Actors;
  clock: Clock;
  metrics: Metrics;
  /** Told who has come to this gateway, and who has left it. */
  online?: Pick<OnlineKeys, 'online' | 'offline'> | undefined;
}

/**
 * Who of this gateway hears what. A bus subject is subscribed while a local connection wants it, and is
 * one uWebSockets topic of the same name. Private chats travel on their two users' subjects, groups and
 * channels on their own.
 */
export interface Fanout {
  /** The connection belongs to this user from now on; the user's subject is subscribed. */
  enter(connection: Connection, userId: string): LocalUser;
  /** Subscribes the subjects of the user's chats. When it resolves, nothing published from then on is missed. */
  attach(user: LocalUser, meta: CallMeta): Promise<void>;
  /** The same after a loss: chats that he was taken out of meanwhile are left, too. */
  reattach(user: LocalUser, meta: CallMeta): Promise<void>;
  /** Puts the socket on its topics: from now on it hears. */
  ready(connection: Connection): void;
  /** Tells the user's connections that frames may be missing: of this chat, or of any. */
  resync(user: LocalUser, chatId?: string): void;
  /** Replaces the users whose presence the connection hears about; settles when the subscriptions hold. */
  watch(connection: Connection, userIds: readonly string[]): Promise<void>;
  watches: Pick<Watches, 'watchers' | 'end'>;
  leave(connection: Connection): void;
  user(userId: string): LocalUser | undefined;
  users(): Iterable<LocalUser>;
  /** Bus subjects held now. */
  size(): number;
  close(): void;
}

interface AttachReply {
  chats: { id: string; member_seq: number }[];
}

/** Whoever has just been announced has not asked for what went by before. */
const ever = Number.NEGATIVE_INFINITY;

export function createFanout(parts: FanoutParts): Fanout {
  const { app, streams, bus, call, callNow, actors, clock, metrics, online } = parts;
  const users = new Map<string, LocalUser>();
  const deliver = createDeliver(app, streams, metrics);
  const watches = createWatches(bus, deliver);
  const marks = bus.lossy ? new RecentMarks(clock) : undefined;
  const chats = createLocalChats({
    bus,
    actors,
    clock,
    deliver,
    resync,
    user: (userId) => users.get(userId),
    leftAfter,
  });

  /** After a loss all connections are told `resync`, which covers whatever left before. */
  let covered = ever;
  const endLoss = bus.onLoss((loss) => {
    if (loss === 'all') covered = clock.monotonic();
  });

  /** It left at that time at the latest: the way here took time as well. */
  function leftAfter(since: number, ageMs: number): boolean {
    return clock.monotonic() - ageMs > Math.max(since, covered);
  }

  function enter(connection: Connection, userId: string): LocalUser {
    let user = users.get(userId);
    if (user === undefined) {
      const made: LocalUser = {
        id: userId,
        connections: new Set(),
        chats: undefined,
        since: clock.monotonic(),
        unsubscribe() {},
      };
      made.unsubscribe = bus.subscribe(subjects.user(userId), (envelope) => onUser(made, envelope));
      users.set(userId, made);
      online?.online(userId);
      user = made;
    }
    user.connections.add(connection);
    return user;
  }

  function onUser(user: LocalUser, envelope: Heard): void {
    const { attach, chat } = envelope;
    if (chat?.head_age_ms !== undefined) {
      onHead(user, chat, chat.head_age_ms, attach);
      return;
    }
    if (chat !== undefined) marks?.note(user, chat, attach);
    if (attach !== undefined) void attachTo(user, attach, chat?.member_seq ?? 0);
    else if (chat?.removed?.includes(user.id)) chats.detach(user, chat.id, chat.member_seq);
    deliver(subjects.user(user.id), envelope, user.connections);
  }

  /** Announced as a new chat: where it is not attached at once, the client has to fetch what went by. */
  async function attachTo(user: LocalUser, chatId: string, memberSeq: number): Promise<void> {
    if (chats.get(chatId)?.users.has(user)) return;
    const included = chats.include(user, chatId, memberSeq, ever);
    const passed = (chats.get(chatId)?.lastSeq ?? 0) > memberSeq;
    if ((await included) === 'unknown') await attachAsked(user, chatId);
    else if ((await included) !== 'out' && (included !== 'in' || passed)) resync(user, chatId);
  }

  /** A beacon on the user's subject. What it says of members may be an old owner's: the owner is asked. */
  function onHead(user: LocalUser, note: ChatNote, ageMs: number, attach: string | undefined): void {
    const chat = chats.get(note.id);
    const attached = chat?.users.has(user) ?? false;
    if (attach !== undefined && !attached) {
      void attachAsked(user, attach);
      return;
    }
    if (chat !== undefined && attached && note.removed?.includes(user.id)) chats.recheck(chat);
    const seen = marks?.of(user, note.id) ?? 0;
    // Told once: the last word of the same head says nothing new.
    marks?.note(user, note);
    if (seen < (note.seq ?? 0) && leftAfter(user.since, ageMs)) resync(user, note.id);
  }

  /** However long the owner cannot be asked: nothing else would attach him while he is connected. */
  async function attachAsked(user: LocalUser, chatId: string): Promise<void> {
    if ((await chats.includePatiently(user, chatId, ever)) === 'in') resync(user, chatId);
  }

  function leave(connection: Connection): void {
    watches.leave(connection);
    const { user } = connection;
    if (user === undefined || !user.connections.delete(connection) || user.connections.size > 0) return;
    users.delete(user.id);
    online?.offline(user.id);
    user.unsubscribe();
    for (const chat of user.chats ?? []) chats.remove(user, chat);
  }

  /** Gives the ids of the chats that the list named. */
  async function attachListed(user: LocalUser, meta: CallMeta, ask: Call): Promise<Set<string>> {
    const { chats: list } = await ask<AttachReply>('chats.attach', {}, meta);
    const since = clock.monotonic();
    const pending = list.map(({ id, member_seq }) => chats.include(user, id, member_seq, since));
    await bus.settled();
    const included = await Promise.all(pending);
    if (included.includes('unknown')) throw fail('unavailable', { reason: 'not_attached' });
    return new Set(list.map(({ id }) => id));
  }

  function resync(user: LocalUser, chatId?: string): void {
    const frame = encodeEvent('resync', chatId === undefined ? {} : { chat_id: chatId });
    deliver(subjects.user(user.id), { frame }, []);
  }

  return {
    enter,
    leave,
    resync,
    user: (userId) => users.get(userId),
    users: () => users.values(),

    async attach(user, meta) {
      await attachListed(user, meta, call);
    },

    async reattach(user, meta) {
      const before = [...(user.chats ?? [])];
      // Who recovers tries again by himself.
      const listed = await attachListed(user, meta, callNow);
      // Removed, or added since the list was read: the owner knows.
      for (const chat of before) if (!listed.has(chat.id) && user.chats?.has(chat)) chats.recheck(chat);
    },

    ready(connection) {
      const { ws, user } = connection;
      if (ws === undefined || user === undefined) return;
      connection.state = 'ready';
      ws.subscribe(subjects.user(user.id));
      for (const chat of user.chats ?? []) ws.subscribe(chat.subject);
    },

    watches,
    async watch(connection, userIds) {
      watches.replace(connection, userIds);
      await bus.settled();
    },

    size: () => users.size + chats.size() + watches.size(),

    close() {
      endLoss();
      watches.close();
      for (const user of users.values()) user.unsubscribe();
      chats.close();
      users.clear();
    },
  };
}

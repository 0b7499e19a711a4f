import type { TemplatedApp } from 'uWebSockets.js';
import type { Actors } from '../../actors/client/ask.ts';
import type { Call, CallMeta } from '../../ops/broker/call.ts';
import type { Bus, Heard } from '../../ops/bus/bus.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { Metrics } from '../../ops/telemetry/metrics.ts';
import { fail } from '../../schemas/errors.ts';
import { encodeEvent } from '../../schemas/frames/codec.ts';
import { subjects } from '../../schemas/subjects.ts';
import type { EventStreams } from '../events/streams.ts';
import type { Connection } from '../websocket/connection.ts';
import { createDeliver } from './deliver.ts';
import { type LocalChat, type LocalUser, socketsOf } from './local.ts';
import { askMembership } from './membership.ts';
import { createWatches } from './watches.ts';

export interface FanoutParts {
  app: TemplatedApp;
  streams: EventStreams;
  bus: Bus;
  call: Call;
  actors: Actors;
  clock: Clock;
  metrics: Metrics;
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
  /** Puts the socket on its topics: from now on it hears. */
  ready(connection: Connection): void;
  /** Replaces the users whose presence the connection hears about; settles when the subscriptions hold. */
  watch(connection: Connection, userIds: readonly string[]): Promise<void>;
  leave(connection: Connection): void;
  user(userId: string): LocalUser | undefined;
  /** Bus subjects held now. */
  size(): number;
  close(): void;
}

/** Envelopes that may wait while a membership is asked for. */
const heldMost = 1000;
/** Times that one user's membership is asked for while it keeps changing. */
const asksMost = 5;

/** `out`: no member, or not here any more. `unknown`: the owner could not be asked. */
type Included = 'in' | 'out' | 'unknown';

interface AttachReply {
  chats: { id: string; member_seq: number }[];
}

export function createFanout({ app, streams, bus, call, actors, clock, metrics }: FanoutParts): Fanout {
  const users = new Map<string, LocalUser>();
  const chats = new Map<string, LocalChat>();
  const deliver = createDeliver(app, streams, metrics);
  const watches = createWatches(bus, deliver);
  let closed = false;

  // Users

  function enter(connection: Connection, userId: string): LocalUser {
    let user = users.get(userId);
    if (user === undefined) {
      const made: LocalUser = { id: userId, connections: new Set(), chats: new Set(), unsubscribe() {} };
      made.unsubscribe = bus.subscribe(subjects.user(userId), (envelope) => onUser(made, envelope));
      users.set(userId, made);
      user = made;
    }
    user.connections.add(connection);
    return user;
  }

  function onUser(user: LocalUser, envelope: Heard): void {
    const { attach, chat } = envelope;
    if (attach !== undefined) void attachTo(user, attach, chat?.member_seq ?? 0);
    else if (chat?.removed?.includes(user.id)) detachFrom(user, chat.id, chat.member_seq);
    deliver(subjects.user(user.id), envelope, user.connections);
  }

  /** Announced as a new chat: where it is not attached at once, the client has to fetch what went by. */
  async function attachTo(user: LocalUser, chatId: string, memberSeq: number): Promise<void> {
    const included = include(user, chatId, memberSeq);
    if (included !== 'in' && (await included) !== 'out') resync(user, chatId);
  }

  function leave(connection: Connection): void {
    watches.leave(connection);
    const { user } = connection;
    if (user === undefined || !user.connections.delete(connection) || user.connections.size > 0) return;
    users.delete(user.id);
    user.unsubscribe();
    for (const chat of user.chats) remove(user, chat);
  }

  // Chats

  /**
   * Something of the time of `memberSeq` says that the user is a member. Attached at once, or after asking
   * the owner, where the chat's own frames have told of later changes or may have.
   */
  function include(user: LocalUser, chatId: string, memberSeq: number): Included | Promise<Included> {
    // Its last connection may have gone while the list of its chats was read.
    if (users.get(user.id) !== user) return 'out';
    const known = chats.get(chatId);
    if (known?.users.has(user)) return 'in';
    if (known !== undefined && (known.held !== undefined || known.memberSeq > memberSeq))
      return includeAsked(user, chatId);
    add(user, known ?? open(chatId, memberSeq));
    return 'in';
  }

  async function includeAsked(user: LocalUser, chatId: string): Promise<Included> {
    for (let asked = 0; asked < asksMost; asked++) {
      const answer = (await askMembership(actors, clock, chatId, [user.id])).get(user.id);
      if (answer === undefined) break;
      if (!answer.member || users.get(user.id) !== user) return 'out';
      const chat = chats.get(chatId) ?? open(chatId, answer.member_seq);
      // A change that went by meanwhile may be about this user: ask again.
      if (answer.member_seq < chat.memberSeq) continue;
      add(user, chat);
      return 'in';
    }
    return 'unknown';
  }

  function open(id: string, memberSeq: number): LocalChat {
    const chat: LocalChat = {
      id,
      subject: subjects.chat(id),
      users: new Set(),
      memberSeq,
      lastSeq: memberSeq,
      unsubscribe() {},
      held: undefined,
      overflowed: false,
    };
    chat.unsubscribe = bus.subscribe(chat.subject, (envelope) => onChat(chat, envelope));
    chats.set(id, chat);
    return chat;
  }

  function add(user: LocalUser, chat: LocalChat): void {
    chat.users.add(user);
    user.chats.add(chat);
    for (const { state, ws } of user.connections) if (state === 'ready') ws?.subscribe(chat.subject);
  }

  function remove(user: LocalUser, chat: LocalChat): void {
    user.chats.delete(chat);
    chat.users.delete(user);
    for (const { state, ws } of user.connections) if (state === 'ready') ws?.unsubscribe(chat.subject);
    if (chat.users.size > 0) return;
    chat.unsubscribe();
    chats.delete(chat.id);
  }

  /** `memberSeq`: of the removal. Where later changes are known it is an old story, already reflected. */
  function detachFrom(user: LocalUser, chatId: string, memberSeq: number): void {
    const chat = chats.get(chatId);
    if (chat !== undefined && memberSeq >= chat.memberSeq && chat.users.has(user)) remove(user, chat);
  }

  function onChat(chat: LocalChat, envelope: Heard): void {
    if (chat.held !== undefined) hold(chat, chat.held, envelope);
    else if (missedChange(chat, envelope)) {
      chat.held = [envelope];
      void confirm(chat, envelope.chat?.member_seq ?? 0);
    } else pass(chat, envelope);
  }

  /** Has a membership change gone by that we did not see? */
  function missedChange(chat: LocalChat, { chat: note }: Heard): boolean {
    if (note === undefined || note.member_seq <= chat.memberSeq) return false;
    return note.seq !== note.member_seq || note.seq !== chat.lastSeq + 1;
  }

  function hold(chat: LocalChat, held: Heard[], envelope: Heard): void {
    if (held.length < heldMost) held.push(envelope);
    else chat.overflowed = true;
  }

  /** Whoever is removed is detached before the frame goes out. */
  function pass(chat: LocalChat, envelope: Heard): void {
    const note = envelope.chat;
    if (note !== undefined) {
      for (const userId of note.removed ?? []) {
        const user = users.get(userId);
        if (user) detachFrom(user, chat.id, note.member_seq);
      }
      chat.memberSeq = Math.max(chat.memberSeq, note.member_seq);
      chat.lastSeq = Math.max(chat.lastSeq, note.seq ?? 0);
    }
    if (chat.users.size > 0) deliver(chat.subject, envelope, socketsOf(chat.users));
  }

  /**
   * Asks the owner who is still a member, detaches the others, and lets go what was held. The owner has
   * made the change of `memberSeq` before, so its answers reflect it. Who was attached meanwhile is asked
   * about too: the answers may be newer than what attached him.
   */
  async function confirm(chat: LocalChat, memberSeq: number): Promise<void> {
    const sure = new Set<LocalUser>();
    for (
      let open = [...chat.users];
      open.length > 0;
      open = [...chat.users].filter((user) => !sure.has(user))
    ) {
      const ids = open.map(({ id }) => id);
      const answers = await askMembership(actors, clock, chat.id, ids);
      for (const user of open) {
        sure.add(user);
        if (closed || !chat.users.has(user)) continue;
        const answer = answers.get(user.id);
        if (answer?.member) chat.memberSeq = Math.max(chat.memberSeq, answer.member_seq);
        else remove(user, chat);
        // Who could not be asked about hears nothing more: its client fetches, and attaches when it returns.
        if (answer === undefined) resync(user, chat.id);
      }
    }
    const { held = [], overflowed } = chat;
    chat.held = undefined;
    chat.overflowed = false;
    if (chats.get(chat.id) !== chat) return;
    chat.memberSeq = Math.max(chat.memberSeq, memberSeq);
    for (const envelope of held) onChat(chat, envelope);
    if (overflowed) deliver(chat.subject, { frame: encodeEvent('resync', { chat_id: chat.id }) }, []);
  }

  function resync(user: LocalUser, chatId: string): void {
    deliver(subjects.user(user.id), { frame: encodeEvent('resync', { chat_id: chatId }) }, []);
  }

  return {
    enter,
    leave,
    user: (userId) => users.get(userId),

    async attach(user, meta) {
      const { chats: list } = await call<AttachReply>('chats.attach', {}, meta);
      const pending = list.map(({ id, member_seq }) => include(user, id, member_seq));
      await bus.settled();
      const included = await Promise.all(pending);
      if (included.includes('unknown')) throw fail('unavailable', { reason: 'not_attached' });
    },

    ready(connection) {
      const { ws, user } = connection;
      if (ws === undefined || user === undefined) return;
      connection.state = 'ready';
      ws.subscribe(subjects.user(user.id));
      for (const chat of user.chats) ws.subscribe(chat.subject);
    },

    async watch(connection, userIds) {
      watches.replace(connection, userIds);
      await bus.settled();
    },

    size: () => users.size + chats.size + watches.size(),

    close() {
      closed = true;
      watches.close();
      for (const user of users.values()) user.unsubscribe();
      for (const chat of chats.values()) chat.unsubscribe();
      users.clear();
      chats.clear();
    },
  };
}

import type { Actors } from '../../actors/client/ask.ts';
import type { Bus, ChatNote, Heard } from '../../ops/bus/bus.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import { encodeEvent } from '../../schemas/frames/codec.ts';
import { subjects } from '../../schemas/subjects.ts';
import type { Deliver } from './deliver.ts';
import { type Held, type LocalChat, type LocalUser, socketsOf } from './local.ts';
import { askMembership } from './membership.ts';

/** `out`: no member, or not here any more. `unknown`: the owner could not be asked. */
export type Included = 'in' | 'out' | 'unknown';

export interface ChatsParts {
  bus: Bus;
  actors: Actors;
  clock: Clock;
  deliver: Deliver;
  /** A user who has connections here. */
  user(userId: string): LocalUser | undefined;
  /** Frames of this chat may be missing: tells the user's connections. */
  resync(user: LocalUser, chatId: string): void;
  /** Has a frame that left so many milliseconds before left after `since`? */
  leftAfter(since: number, ageMs: number): boolean;
}

/** The groups and channels of this gateway: who of its users hears them, and whether all has come by. */
export interface LocalChats {
  get(chatId: string): LocalChat | undefined;
  /**
   * Something of the time of `memberSeq` says that the user is a member. Attached at once, or after asking the
   * owner, where the chat's own frames have told of later changes or may have. `since`: monotonic; what left
   * before, the user learns of by other means.
   */
  include(user: LocalUser, chatId: string, memberSeq: number, since: number): Included | Promise<Included>;
  /** The same on the owner's word alone, however long that takes. */
  includePatiently(user: LocalUser, chatId: string, since: number): Promise<'in' | 'out'>;
  remove(user: LocalUser, chat: LocalChat): void;
  /** `memberSeq`: of the removal. Where later changes are known it is an old story, already reflected. */
  detach(user: LocalUser, chatId: string, memberSeq: number): void;
  /** Asks the owner who is still a member; what comes meanwhile waits. */
  recheck(chat: LocalChat): void;
  size(): number;
  close(): void;
}

/** Envelopes that may wait while a membership is asked for. */
const heldMost = 1000;
/** Of more members here than this not all are told to fetch in one moment. */
const crowd = 200;
const slices = 30;
const sliceMs = 100;
/** Times that one user's membership is asked for while it keeps changing. */
const asksMost = 5;
/** Pauses before asking for memberships anew when nobody could say: each twice the one before. */
const firstPauseMs = 1000;
const longestPauseMs = 15_000;

export function createLocalChats(parts: ChatsParts): LocalChats {
  const { bus, actors, clock, deliver, resync } = parts;
  const chats = new Map<string, LocalChat>();
  let closed = false;

  // Members

  const gone = (user: LocalUser) => parts.user(user.id) !== user;

  function include(
    user: LocalUser,
    chatId: string,
    memberSeq: number,
    since: number,
  ): Included | Promise<Included> {
    // Its last connection may have gone while the list of its chats was read.
    if (gone(user)) return 'out';
    const known = chats.get(chatId);
    if (known?.users.has(user)) return 'in';
    const { held } = known ?? {};
    if (known !== undefined && (held ? !held.stuck : known.memberSeq > memberSeq))
      return includeAsked(user, chatId, since);
    // Where it is stuck he waits with the others, and is asked about as they are.
    add(user, known ?? open(chatId, memberSeq, since));
    return 'in';
  }

  async function includeAsked(user: LocalUser, chatId: string, since: number): Promise<Included> {
    for (let asked = 0; asked < asksMost; asked++) {
      const answer = (await askMembership(actors, clock, chatId, [user.id])).get(user.id);
      if (gone(user)) return 'out';
      const known = chats.get(chatId);
      if (answer === 'waiting' || (answer === undefined && known?.held?.stuck)) {
        // It must not keep him from his other chats: he is in it, and hears nothing before the owner says so.
        const waiting = known ?? open(chatId, 0, since);
        add(user, waiting);
        recheck(waiting);
        return 'in';
      }
      if (answer === undefined) break;
      if (!answer.member) return 'out';
      const chat = known ?? open(chatId, answer.member_seq, since);
      // A change that went by meanwhile may be about this user: ask again.
      if (answer.member_seq < chat.memberSeq) continue;
      add(user, chat);
      return 'in';
    }
    return 'unknown';
  }

  async function includePatiently(user: LocalUser, chatId: string, since: number): Promise<'in' | 'out'> {
    for (
      let pauseMs = firstPauseMs;
      !closed && !gone(user);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    ) {
      if (chats.get(chatId)?.users.has(user)) return 'in';
      const included = await includeAsked(user, chatId, since);
      if (included !== 'unknown') return included;
      await sleep(clock, pauseMs);
    }
    return 'out';
  }

  function open(id: string, memberSeq: number, since: number): LocalChat {
    const chat: LocalChat = {
      id,
      subject: subjects.chat(id),
      users: new Set(),
      since,
      memberSeq,
      lastSeq: memberSeq,
      unsubscribe() {},
      held: undefined,
    };
    chat.unsubscribe = bus.subscribe(chat.subject, (envelope) => onChat(chat, envelope));
    chats.set(id, chat);
    return chat;
  }

  function add(user: LocalUser, chat: LocalChat): void {
    chat.users.add(user);
    user.chats ??= new Set();
    user.chats.add(chat);
    for (const { state, ws } of user.connections) if (state === 'ready') ws?.subscribe(chat.subject);
  }

  function remove(user: LocalUser, chat: LocalChat): void {
    user.chats?.delete(chat);
    chat.users.delete(user);
    chat.held?.sure.delete(user);
    for (const { state, ws } of user.connections) if (state === 'ready') ws?.unsubscribe(chat.subject);
    if (chat.users.size > 0) return;
    chat.unsubscribe();
    chats.delete(chat.id);
  }

  function detach(user: LocalUser, chatId: string, memberSeq: number): void {
    const chat = chats.get(chatId);
    if (chat !== undefined && memberSeq >= chat.memberSeq && chat.users.has(user)) remove(user, chat);
  }

  // Frames

  function onChat(chat: LocalChat, envelope: Heard): void {
    if (chat.held !== undefined) hold(chat.held, envelope);
    else if (missedChange(chat, envelope)) {
      void confirm(chat, begin(chat, [withOwnFrame(envelope)]), envelope.chat?.member_seq ?? 0);
    } else pass(chat, envelope);
  }

  /** Has a membership change gone by that we did not see? A beacon is never the change itself. */
  function missedChange(chat: LocalChat, { chat: note }: Heard): boolean {
    if (note === undefined || note.member_seq <= chat.memberSeq) return false;
    return note.head_age_ms !== undefined || note.seq !== note.member_seq || note.seq !== chat.lastSeq + 1;
  }

  function begin(chat: LocalChat, envelopes: Heard[]): Held {
    chat.held = { envelopes, overflowed: false, sure: new Set(), stuck: false };
    return chat.held;
  }

  function hold(held: Held, envelope: Heard): void {
    if (held.envelopes.length < heldMost) held.envelopes.push(withOwnFrame(envelope));
    else held.overflowed = true;
  }

  /** Whoever is removed is detached before the frame goes out. */
  function pass(chat: LocalChat, envelope: Heard): void {
    const note = envelope.chat;
    if (note?.head_age_ms !== undefined) {
      onHead(chat, note, note.head_age_ms);
      return;
    }
    if (note !== undefined) {
      for (const userId of note.removed ?? []) {
        const user = parts.user(userId);
        if (user) detach(user, chat.id, note.member_seq);
      }
      chat.memberSeq = Math.max(chat.memberSeq, note.member_seq);
      chat.lastSeq = Math.max(chat.lastSeq, note.seq ?? 0);
    }
    if (chat.users.size > 0) deliver(chat.subject, envelope, socketsOf(chat.users));
  }

  /** A beacon: the chat has come so far. A gap further back, clients have seen themselves. */
  function onHead(chat: LocalChat, { seq = 0 }: ChatNote, ageMs: number): void {
    if (seq <= chat.lastSeq) return;
    chat.lastSeq = seq;
    if (parts.leftAfter(chat.since, ageMs)) resyncAll(chat);
  }

  function resyncAll({ id, subject, users }: LocalChat): void {
    if (users.size <= crowd) {
      deliver(subject, { frame: encodeEvent('resync', { chat_id: id }) }, []);
      return;
    }
    const all = [...users];
    const each = Math.ceil(all.length / slices);
    for (let slice = 0; slice < slices; slice++)
      clock.after(slice * sliceMs, () => {
        if (closed) return;
        for (const user of all.slice(slice * each, (slice + 1) * each)) if (users.has(user)) resync(user, id);
      });
  }

  /**
   * Asks the owner who is still a member, detaches the others, and lets go what was held. The owner has
   * made the change of `memberSeq` before, so its answers reflect it. Who was attached meanwhile is asked
   * about too: the answers may be newer than what attached him. Who cannot be asked about may have been removed,
   * or may not: nothing else would attach him again, so he stays, and hears nothing until the owner has answered.
   */
  async function confirm(chat: LocalChat, held: Held, memberSeq: number): Promise<void> {
    // The oldest answer: a change after that may be about who gave it, and is still to be looked at.
    let reflected = Number.POSITIVE_INFINITY;
    let pauseMs = firstPauseMs;
    const unsure = () => [...chat.users].filter((user) => !held.sure.has(user));
    for (let open = unsure(); open.length > 0; open = unsure()) {
      const ids = open.map(({ id }) => id);
      const answers = await askMembership(actors, clock, chat.id, ids);
      if (closed) return;
      for (const user of open) {
        const answer = answers.get(user.id);
        if (answer === undefined || answer === 'waiting' || !chat.users.has(user)) continue;
        if (answer.member) {
          held.sure.add(user);
          reflected = Math.min(reflected, answer.member_seq);
        } else {
          // The frame that would have told him may be lost too.
          remove(user, chat);
          resync(user, chat.id);
        }
      }
      if (!open.some((user) => chat.users.has(user) && !held.sure.has(user))) continue;
      held.stuck = true;
      // Of a chat that waits for an operator nothing could be fetched.
      if (!ids.some((id) => answers.get(id) === 'waiting')) fetchInstead(chat, held);
      await sleep(clock, pauseMs);
      if (closed) return;
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
    if (closed || chats.get(chat.id) !== chat) return;
    chat.held = undefined;
    if (reflected < Number.POSITIVE_INFINITY) chat.memberSeq = Math.max(chat.memberSeq, reflected);
    chat.memberSeq = Math.max(chat.memberSeq, memberSeq);
    for (const envelope of held.envelopes) onChat(chat, envelope);
    if (held.overflowed) resyncAll(chat);
  }

  /** While nothing is delivered, its history says what was said, to whom may read it. */
  function fetchInstead(chat: LocalChat, held: Held): void {
    if (held.envelopes.length === 0) return;
    held.envelopes = [];
    held.overflowed = true;
    resyncAll(chat);
  }

  function recheck(chat: LocalChat): void {
    if (chat.held === undefined) void confirm(chat, begin(chat, []), chat.memberSeq);
  }

  return {
    get: (chatId) => chats.get(chatId),
    include,
    includePatiently,
    remove,
    detach,
    recheck,
    size: () => chats.size,
    close() {
      closed = true;
      for (const chat of chats.values()) chat.unsubscribe();
      chats.clear();
    },
  };
}

/** A frame from the network is a part of what one read of the socket brought; it should not keep all of that. */
function withOwnFrame(envelope: Heard): Heard {
  const { frame } = envelope;
  return typeof frame === 'string' ? envelope : { ...envelope, frame: Buffer.from(frame) };
}

import type { ChatEvent, ChatFacts, ChatNoted, MemberRow } from '../../schemas/chat/events.ts';
import { seqOf } from '../../schemas/chat/events.ts';
import {
  addMessage,
  changeMessage,
  emptyTail,
  type HotMessage,
  type HotTail,
  hotMessage,
} from './hot-tail.ts';
import { raisedClientId } from './idempotence.ts';
import type { Reactor } from './reactions.ts';

/** One user's membership in memory. */
export type Membership = Omit<MemberRow, 'user_id'>;

/** What was read from PostgreSQL for one command, just before its turn. */
export interface Fetched {
  /** The very command that it was read for. */
  command: object;
  /** The message that an earlier send with this `client_id` made. */
  duplicate?: { seq: number; created_at: string } | undefined;
  /** Does the message that a reply names exist? */
  replyExists?: boolean;
  /** The message to change, where the tail lacks it, and its reactions, where the command needs them. */
  target_seq?: number;
  target?: HotMessage | undefined;
  reactors?: readonly Reactor[] | undefined;
  /** The chat's ordinal at the seq of a read mark. */
  ordinal?: number;
  /** Which of the two of a private chat block the other. */
  blockers?: ReadonlySet<string>;
}

/** A chat in memory. `head` 0: no such chat. */
export interface ChatState {
  readonly id: string;
  facts: ChatFacts | undefined;
  head: number;
  /** Messages so far, service messages not counted. */
  ordinal: number;
  /** ISO 8601; times of new messages never go below it. */
  last_at: string;
  member_seq: number;
  /** Who is in the chat, by joined_seq. */
  members: Map<string, Membership>;
  /** Who was: for their `client_id`s, and whether they may come back. */
  former: Map<string, Membership>;
  /** Of a private chat: which of its two block the other. Kept in `blocks`, not journaled. */
  blockers: ReadonlySet<string>;
  tail: HotTail;
  fetched: Fetched | undefined;
}

/** Most chats have no blocks: they share this. */
const nobody: ReadonlySet<string> = new Set();

export function emptyState(id: string): ChatState {
  return {
    id,
    facts: undefined,
    head: 0,
    ordinal: 0,
    last_at: '',
    member_seq: 0,
    members: new Map(),
    former: new Map(),
    blockers: nobody,
    tail: emptyTail(),
    fetched: undefined,
  };
}

export function evolve(state: ChatState, event: ChatEvent): ChatState {
  const { message } = event;
  if (seqOf(event) !== state.head + 1)
    throw new Error(`event ${seqOf(event)} does not follow head ${state.head}`);
  if (event.type === 'changed') {
    changeMessage(state.tail, event, targetOf(state, message.seq));
    state.last_at = [state.last_at, message.edited_at ?? '', message.deleted_at ?? ''].reduce(later);
  } else {
    addMessage(state.tail, { message, ordinal: event.ordinal, reactors: [] });
    state.last_at = later(state.last_at, message.created_at);
    if (event.type === 'noted') evolveMembers(state, event);
    else evolveSender(state, message.sender_id, event);
  }
  state.head = seqOf(event);
  if (event.type !== 'changed') state.ordinal = event.ordinal;
  state.member_seq = event.member_seq;
  state.fetched = undefined;
  return state;
}

/**
 * A message as far as memory knows it: from the tail, else as it was read for a turn. What was read stays
 * true until the next event, which drops it.
 */
export function targetOf(state: ChatState, seq: number): HotMessage | undefined {
  const { tail } = state;
  const fetched = state.fetched?.target_seq === seq ? state.fetched : undefined;
  const hot = hotMessage(tail, seq) ?? (seq < tail.floor ? fetched?.target : undefined);
  if (hot === undefined || hot.reactors !== undefined || fetched?.reactors === undefined) return hot;
  return { ...hot, reactors: fetched.reactors };
}

function evolveSender(state: ChatState, sender: string, { message, ordinal }: ChatEvent): void {
  const member = state.members.get(sender);
  if (member === undefined) return;
  member.read = message.seq;
  member.read_ordinal = ordinal;
  member.last_client_id = raisedClientId(member.last_client_id, message.client_id);
}

function evolveMembers(state: ChatState, event: ChatNoted): void {
  if (event.facts !== undefined) state.facts = event.facts;
  for (const row of event.members) putMember(state, row);
}

/** A member who comes back goes to the end of the list, as their new joined_seq says. */
export function putMember(state: ChatState, row: MemberRow): void {
  const { user_id, ...membership } = row;
  const present = row.left_seq === null;
  (present ? state.former : state.members).delete(user_id);
  (present ? state.members : state.former).set(user_id, membership);
}

/** ISO 8601 times of this century compare as text. */
export function later(one: string, other: string): string {
  return one > other ? one : other;
}

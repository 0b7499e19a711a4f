import type { ChatEvent, ChatFacts, MemberRow, ReadMark } from '../../schemas/chat/events.ts';
import { seqOf } from '../../schemas/chat/events.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import type { Projection } from '../runtime/kind.ts';
import { raisedClientId } from './idempotence.ts';
import { messageText } from './message-text.ts';

/**
 * A batch of events as the rows that they leave behind: the last state of each row, so that each table is
 * written by one statement. Pure; shared by every store.
 */
export interface PlannedRows {
  chats: ChatWrite[];
  members: (MemberRow & { chat_id: string })[];
  moves: MemberMove[];
  /** `text`: the message's JSON, where it is at hand. */
  messages: { message: Message; ordinal: number; text?: string }[];
  /** Reactions that go: of one user, or (`user_id` null) all of a message's. */
  unreacted: { chat_id: string; seq: number; user_id: string | null }[];
  reacted: { chat_id: string; seq: number; user_id: string; emoji: string; position: number }[];
}

/** Absolute values; what is undefined stays as it is. */
export interface ChatWrite {
  id: string;
  head_seq: number;
  member_seq: number;
  last_message_seq?: number;
  last_activity_at?: string;
  messages_count?: number;
  members_count?: number;
  /** Of a chat that the batch makes. */
  made?: { facts: ChatFacts; pair: [string, string] | undefined };
  /** Of a chat that was there and is renamed. */
  renamed?: ChatFacts;
}

/** Forward only: each value is kept where the row's own is greater. */
export interface MemberMove {
  chat_id: string;
  user_id: string;
  read: number;
  ordinal: number;
  last_client_id: string | null;
}

/** `heads`: how far each chat's row has come. Events up to there are written already, and are left out. */
export function planRows(
  batch: Projection<ChatEvent, ReadMark>,
  heads: ReadonlyMap<string, number>,
): PlannedRows {
  const chats = new Map<string, ChatWrite>();
  const members = new Map<string, MemberRow & { chat_id: string }>();
  const moves = new Map<string, MemberMove>();
  const messages = new Map<string, PlannedRows['messages'][number]>();
  const reactions = new Map<string, Map<string, { emoji: string | null; position: number; seq: number }>>();
  const cleared = new Map<string, { chat_id: string; seq: number }>();

  const move = (chat_id: string, user_id: string, mark: Omit<MemberMove, 'chat_id' | 'user_id'>): void => {
    const key = `${chat_id}/${user_id}`;
    const before = moves.get(key);
    moves.set(key, {
      chat_id,
      user_id,
      read: Math.max(mark.read, before?.read ?? 0),
      ordinal: Math.max(mark.ordinal, before?.ordinal ?? 0),
      last_client_id: raisedClientId(before?.last_client_id ?? null, mark.last_client_id),
    });
  };

  for (const { id, event, text } of batch.events) {
    const { message, ordinal } = event;
    if (seqOf(event) <= (heads.get(id) ?? 0)) continue;
    const key = `${id}/${message.seq}`;
    messages.set(key, { message, ordinal, text: messageText(event, text) });
    chats.set(id, chatAfter(id, event, chats.get(id)));
    if (event.type === 'noted') {
      for (const row of event.members) members.set(`${id}/${row.user_id}`, { chat_id: id, ...row });
    } else if (event.type === 'posted') {
      const mark = { read: message.seq, ordinal, last_client_id: raisedClientId(null, message.client_id) };
      move(id, message.sender_id, mark);
    } else if (message.deleted_at !== null) {
      reactions.delete(key);
      cleared.set(key, { chat_id: id, seq: message.seq });
    } else if (event.reaction !== undefined) {
      const { user_id, emoji } = event.reaction;
      const ofMessage = reactions.get(key) ?? new Map();
      reactions.set(key, ofMessage.set(user_id, { emoji, position: seqOf(event), seq: message.seq }));
    }
  }
  for (const { id, mark } of batch.marks)
    move(id, mark.user_id, { read: mark.read, ordinal: mark.ordinal, last_client_id: null });

  const unreacted: PlannedRows['unreacted'] = [];
  const reacted: PlannedRows['reacted'] = [];
  for (const message of cleared.values()) unreacted.push({ ...message, user_id: null });
  for (const [key, ofMessage] of reactions) {
    const chat_id = key.slice(0, key.indexOf('/'));
    for (const [user_id, { seq, emoji, position }] of ofMessage)
      if (emoji === null) unreacted.push({ chat_id, seq, user_id });
      else reacted.push({ chat_id, seq, user_id, emoji, position });
  }
  return {
    chats: [...chats.values()],
    members: [...members.values()],
    moves: [...moves.values()],
    messages: [...messages.values()],
    unreacted,
    reacted,
  };
}

function chatAfter(id: string, event: ChatEvent, before: ChatWrite | undefined): ChatWrite {
  const { message, ordinal, member_seq } = event;
  const after: ChatWrite = { ...before, id, head_seq: seqOf(event), member_seq };
  if (event.type === 'changed') return after;
  after.last_message_seq = message.seq;
  after.last_activity_at = message.created_at;
  after.messages_count = ordinal;
  if (event.type === 'posted') return after;
  after.members_count = event.members_count;
  const { facts, members } = event;
  if (facts === undefined) return after;
  if (message.service?.action === 'created') {
    const [one, other] = members.map(({ user_id }) => user_id).sort();
    after.made = { facts, pair: one !== undefined && other !== undefined ? [one, other] : undefined };
  } else if (after.made !== undefined) {
    after.made = { ...after.made, facts };
  } else {
    after.renamed = facts;
  }
  return after;
}

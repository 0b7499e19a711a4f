import { loadedTail } from '../../actors/chat/hot-tail.ts';
import { raisedClientId } from '../../actors/chat/idempotence.ts';
import { type PlannedRows, planRows } from '../../actors/chat/plan.ts';
import { type Reactor, reactionsOf } from '../../actors/chat/reactions.ts';
import { emptyState, putMember } from '../../actors/chat/state.ts';
import type { ChatStore } from '../../actors/chat/store.ts';
import type { ChatFacts, MemberRow } from '../../schemas/chat/events.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import type { MemoryTx } from './memory-flush-store.ts';

/** One chat's rows. */
export interface ChatTable {
  facts: ChatFacts | undefined;
  head_seq: number;
  member_seq: number;
  messages_count: number;
  members_count: number;
  last_message_seq: number;
  last_activity_at: string;
  members: Map<string, MemberRow>;
  /** By seq. Without reactions. */
  messages: Map<number, { message: Message; ordinal: number }>;
  /** By seq of the message, then by user. */
  reactions: Map<number, Map<string, { emoji: string; position: number }>>;
}

/** The tables of the chat actors, in memory: what several nodes share. */
export class ChatTables {
  readonly chats = new Map<string, ChatTable>();
  /** `who/whom` */
  readonly blocks = new Set<string>();

  blockers(one: string, other: string): Set<string> {
    const both = [one, other].filter((id) => this.blocks.has(`${id}/${id === one ? other : one}`));
    return new Set(both);
  }

  of(id: string): ChatTable {
    const chat = this.chats.get(id) ?? {
      facts: undefined,
      head_seq: 0,
      member_seq: 0,
      messages_count: 0,
      members_count: 0,
      last_message_seq: 0,
      last_activity_at: '',
      members: new Map(),
      messages: new Map(),
      reactions: new Map(),
    };
    this.chats.set(id, chat);
    return chat;
  }

  reactors(id: string, seq: number): Reactor[] {
    const rows = [...(this.chats.get(id)?.reactions.get(seq) ?? [])];
    rows.sort(([, a], [, b]) => a.position - b.position);
    return rows.map(([user_id, { emoji }]) => ({ user_id, emoji }));
  }

  /** Every message as clients see it, by seq. */
  messages(id: string): { message: Message; ordinal: number }[] {
    const rows = [...(this.chats.get(id)?.messages.values() ?? [])];
    rows.sort((a, b) => a.message.seq - b.message.seq);
    return rows.map(({ message, ordinal }) => {
      return { message: { ...message, reactions: reactionsOf(this.reactors(id, message.seq)) }, ordinal };
    });
  }
}

export interface MemoryChatStoreOptions {
  /** Awaited before each statement; may reject, or never settle, for a session that has died. */
  step?(statement: string): Promise<void>;
}

/**
 * The chat store in memory, by the same contract as the one in PostgreSQL: what a transaction writes is seen
 * at its commit, wholly or not at all, and events that a chat's row already counts change nothing.
 */
export function createMemoryChatStore(
  tables: ChatTables,
  { step = async () => {} }: MemoryChatStoreOptions = {},
): ChatStore<MemoryTx> {
  const headsOf = (ids: Iterable<string>) =>
    new Map([...ids].map((id) => [id, tables.chats.get(id)?.head_seq ?? 0]));

  return {
    async load(id, tail) {
      await step('load');
      const state = emptyState(id);
      const chat = tables.chats.get(id);
      if (chat?.facts === undefined) return state;
      state.facts = chat.facts;
      state.head = chat.head_seq;
      state.ordinal = chat.messages_count;
      state.last_at = chat.last_activity_at;
      state.member_seq = chat.member_seq;
      const members = [...chat.members.values()].sort((a, b) => a.joined_seq - b.joined_seq);
      for (const member of members) putMember(state, member);
      const [one, other] = [...state.members.keys()];
      if (chat.facts.type === 'private' && one && other) state.blockers = tables.blockers(one, other);
      const messages = tables.messages(id);
      const older = messages.splice(0, Math.max(0, messages.length - tail));
      const recent = messages.map((row) => ({
        ...row,
        reactors: row.message.reactions.length ? undefined : [],
      }));
      const forgotten = Math.max(0, ...older.map(({ message }) => message.changed_seq));
      state.tail = loadedTail(recent, older.length === 0, chat.head_seq, forgotten);
      return state;
    },

    async message(id, seq) {
      await step('message');
      const row = tables.messages(id).find(({ message }) => message.seq === seq);
      return row && { ...row, reactors: row.message.reactions.length ? undefined : [] };
    },

    async reactors(id, seq) {
      await step('reactors');
      return tables.reactors(id, seq);
    },

    async blockers(one, other) {
      await step('blockers');
      return tables.blockers(one, other);
    },

    async findByClientId(id, sender, clientId) {
      await step('findByClientId');
      for (const { message } of tables.chats.get(id)?.messages.values() ?? [])
        if (message.sender_id === sender && message.client_id === clientId)
          return { seq: message.seq, created_at: message.created_at };
      return undefined;
    },

    async ordinalAt(id, seq) {
      await step('ordinalAt');
      return tables.messages(id).findLast(({ message }) => message.seq <= seq)?.ordinal ?? 0;
    },

    async project(tx, batch) {
      await step('project');
      tx.later(() => writeRows(tables, planRows(batch, headsOf(batch.events.map(({ id }) => id)))));
    },

    async bury(tx, id, event) {
      await step('bury');
      if (event.type === 'noted') return false;
      tx.later(() => {
        const rows = planRows({ events: [{ id, event }], marks: [] }, headsOf([id]));
        rows.reacted = [];
        rows.messages = rows.messages.flatMap(({ message, ordinal }) => {
          const { created_at: deleted_at, changed_seq, seq } = message;
          if (event.type === 'posted')
            return [{ message: { ...message, text: '', reply_to: null, deleted_at }, ordinal }];
          if (message.deleted_at !== null) return [{ message, ordinal }];
          const before = tables.chats.get(id)?.messages.get(seq)?.message;
          return before === undefined ? [] : [{ message: { ...before, changed_seq }, ordinal }];
        });
        writeRows(tables, rows);
      });
      return true;
    },
  };
}

function writeRows(tables: ChatTables, rows: PlannedRows): void {
  for (const { id, made, renamed, ...row } of rows.chats) {
    const chat = tables.of(id);
    const facts = renamed ?? made?.facts;
    if (facts !== undefined) chat.facts = facts;
    Object.assign(chat, row);
  }
  for (const { chat_id, ...row } of rows.members) {
    const { members } = tables.of(chat_id);
    const before = members.get(row.user_id);
    members.set(row.user_id, before === undefined ? row : { ...row, ...forward(before, row) });
  }
  for (const { chat_id, user_id, read, ordinal, last_client_id } of rows.moves) {
    const member = tables.of(chat_id).members.get(user_id);
    if (member !== undefined)
      Object.assign(member, forward(member, { read, read_ordinal: ordinal, last_client_id }));
  }
  for (const { message, ordinal } of rows.messages) {
    const { messages } = tables.of(message.chat_id);
    const before = messages.get(message.seq);
    if (before !== undefined && before.message.changed_seq >= message.changed_seq) continue;
    if (before === undefined) refuseTwin(tables, message);
    messages.set(message.seq, { message, ordinal });
  }
  for (const { chat_id, seq, user_id } of rows.unreacted) {
    const { reactions } = tables.of(chat_id);
    if (user_id === null) reactions.delete(seq);
    else reactions.get(seq)?.delete(user_id);
  }
  for (const { chat_id, seq, user_id, emoji, position } of rows.reacted) {
    const { reactions } = tables.of(chat_id);
    reactions.set(seq, (reactions.get(seq) ?? new Map()).set(user_id, { emoji, position }));
  }
}

type Marks = Pick<MemberRow, 'read' | 'read_ordinal' | 'last_client_id'>;

function forward(one: Marks, other: Marks): Marks {
  return {
    read: Math.max(one.read, other.read),
    read_ordinal: Math.max(one.read_ordinal, other.read_ordinal),
    last_client_id: raisedClientId(one.last_client_id, other.last_client_id),
  };
}

/** The unique index on (chat_id, sender_id, client_id). */
function refuseTwin(tables: ChatTables, { chat_id, sender_id, client_id }: Message): void {
  if (client_id === null) return;
  for (const { message } of tables.of(chat_id).messages.values())
    if (message.sender_id === sender_id && message.client_id === client_id)
      throw new Error(`two messages of one client_id in chat ${chat_id}`);
}

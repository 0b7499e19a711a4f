import { sql } from 'slonik';
import { type Database, type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { ChatFacts, MemberRow } from '../../schemas/chat/events.ts';
import { type MessageRow, messageOf } from '../../schemas/chat/rows.ts';
import { type HotMessage, loadedTail } from './hot-tail.ts';
import { planRows } from './plan.ts';
import type { Reactor } from './reactions.ts';
import { buryEvent, writeRows } from './sql-writes.ts';
import { emptyState, putMember } from './state.ts';
import type { ChatStore } from './store.ts';

/** Chats in PostgreSQL: what activations load, what turns look up, and the write-behind. */

/** Members read at once; between two pages other work has its turn. */
const membersPage = 1000;

export function createSqlChatStore(db: Database): ChatStore<Transaction> {
  return {
    async load(id, tail) {
      const state = emptyState(id);
      const chat = await findChat(db, id);
      if (chat === undefined) return state;
      const { head_seq, messages_count, last_activity_at, member_seq, user_lo, user_hi, ...facts } = chat;
      state.facts = facts;
      state.head = head_seq;
      state.ordinal = messages_count;
      state.last_at = last_activity_at;
      state.member_seq = member_seq;
      if (user_lo !== null && user_hi !== null) state.blockers = await readBlockers(db, user_lo, user_hi);
      for (const row of await readMembers(db, id)) putMember(state, row);
      const newest = await db.any(typed<MessageRow>()`
        select ${messageColumns} from messages m where m.chat_id = ${id} order by m.seq desc limit ${tail}`);
      const recent = [...newest].reverse().map((row) => hotOf(row, pairOf(chat)));
      const whole = newest.length < tail;
      const forgotten = whole ? 0 : await newestChangeBelow(db, id, recent[0]?.message.seq ?? 0);
      state.tail = loadedTail(recent, whole, head_seq, forgotten);
      return state;
    },

    async message(id, seq) {
      const row = await db.maybeOne(typed<MessageRow & Pair>()`
        select ${messageColumns}, c.user_lo, c.user_hi from messages m join chats c on c.id = m.chat_id
        where m.chat_id = ${id} and m.seq = ${seq}`);
      return row === null ? undefined : hotOf(row, pairOf(row));
    },

    async reactors(id, seq) {
      const rows = await db.any(typed<Reactor>()`
        select user_id, emoji from reactions where chat_id = ${id} and seq = ${seq} order by position`);
      return [...rows];
    },

    async findByClientId(id, sender, clientId) {
      const row = await db.maybeOne(typed<{ seq: number; created_at: string }>()`
        select seq, created_at from messages
        where chat_id = ${id} and sender_id = ${sender} and client_id = ${clientId}`);
      return row ?? undefined;
    },

    blockers: (one, other) => readBlockers(db, one, other),

    async ordinalAt(id, seq) {
      const ordinal = await db.maybeOneFirst(typed<{ ordinal: number }>()`
        select ordinal from messages where chat_id = ${id} and seq <= ${seq} order by seq desc limit 1`);
      return ordinal ?? 0;
    },

    async project(tx, batch) {
      const ids = [...new Set(batch.events.map(({ id }) => id))];
      await writeRows(tx, planRows(batch, await readHeads(tx, ids)));
    },

    async bury(tx, id, event) {
      return buryEvent(tx, id, event, await readHeads(tx, [id]));
    },
  };
}

interface Pair {
  user_lo: string | null;
  user_hi: string | null;
}

type ChatRow = ChatFacts &
  Pair & { head_seq: number; messages_count: number; last_activity_at: string; member_seq: number };

function pairOf({ user_lo, user_hi }: Pair): [string, string] | undefined {
  return user_lo === null || user_hi === null ? undefined : [user_lo, user_hi];
}

/** The columns of `MessageRow`, from `messages m`. */
const messageColumns = sql.fragment`
  m.chat_id, m.seq, m.sender_id, m.kind, m.text, m.reply_to, m.service, m.client_id, m.ordinal,
  m.created_at, m.edited_at, m.deleted_at, m.changed_seq,
  (select json_agg(json_build_object('emoji', e.emoji, 'count', e.count, 'user_ids', e.user_ids) order by e.first)
    from (
      select r.emoji, count(*) as count, min(r.position) as first,
        (array_agg(r.user_id order by r.position))[1:10] as user_ids
      from reactions r where r.chat_id = m.chat_id and r.seq = m.seq group by r.emoji
    ) e) as reactions`;

/** Who reacted is known in full only where nobody did: the row names ten of each. */
function hotOf(row: MessageRow, pair: [string, string] | undefined): HotMessage {
  const message = messageOf(row, pair);
  return { message, ordinal: row.ordinal, reactors: message.reactions.length === 0 ? [] : undefined };
}

async function findChat(db: Database, id: string): Promise<ChatRow | undefined> {
  const row = await db.maybeOne(typed<ChatRow>()`
    select number, type, title, about, username::text, created_by, created_at,
      head_seq, messages_count, last_activity_at, member_seq, user_lo, user_hi
    from chats where id = ${id}`);
  return row ?? undefined;
}

async function readBlockers(db: Database, one: string, other: string): Promise<ReadonlySet<string>> {
  const ids = await db.anyFirst(typed<{ user_id: string }>()`
    select user_id from blocks
    where (user_id = ${one} and other_id = ${other}) or (user_id = ${other} and other_id = ${one})`);
  return new Set(ids);
}

/** Everybody who is or was in the chat, by joined_seq. */
async function readMembers(db: Database, id: string): Promise<MemberRow[]> {
  const rows: MemberRow[] = [];
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const page = await db.any(typed<MemberRow>()`
      select user_id, role, joined_seq, left_seq, removed, read_seq as read, read_ordinal, last_client_id
      from chat_members where chat_id = ${id} and user_id > ${after} order by user_id limit ${membersPage}`);
    rows.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < membersPage) break;
    after = last.user_id;
  }
  return rows.sort((a, b) => a.joined_seq - b.joined_seq);
}

async function newestChangeBelow(db: Database, id: string, floor: number): Promise<number> {
  const seq = await db.maybeOneFirst(typed<{ changed_seq: number }>()`
    select changed_seq from messages where chat_id = ${id} and seq < ${floor} order by changed_seq desc limit 1`);
  return seq ?? 0;
}

async function readHeads(tx: Transaction, ids: string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.any(typed<{ id: string; head_seq: number }>()`
    select id, head_seq from chats where id = any(${sql.array(ids, 'uuid')})`);
  return new Map(rows.map(({ id, head_seq }) => [id, head_seq]));
}

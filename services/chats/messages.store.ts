import { type FragmentSqlToken, sql } from 'slonik';
import { gather } from '../../ops/connections/gather.ts';
import { type Database, typed } from '../../ops/connections/postgres.ts';
import { type MessageRow, messageOf } from '../../schemas/chat/rows.ts';
import type { Message } from '../../schemas/chat/wire.ts';

/** Messages as PostgreSQL has them. */

/** A part of a chat's history, read in one statement: `head` and rows are of the same moment. */
export interface StoredPage {
  head: number;
  messages: Message[];
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

interface Pair {
  user_lo: string | null;
  user_hi: string | null;
}

/** A chat without rows in the range comes as one row without a message. */
type PageRow = Pair & { head_seq: number } & ({ chat_id: null } | MessageRow);

export type Range =
  | { before: number }
  | { above: number }
  /** Past a `changed_seq`; without those that `newer` has in the same or a newer version. */
  | { after: number; newer: readonly { seq: number; changed_seq: number }[] };

/**
 * Up to `limit` messages of a range, the nearest first. `member`: only if this user is in the chat.
 * Undefined: no such chat, or not the user's.
 */
export async function readPage(
  db: Database,
  chatId: string,
  range: Range,
  limit: number,
  member: string | undefined,
): Promise<StoredPage | undefined> {
  const allowed =
    member === undefined
      ? sql.fragment``
      : sql.fragment`and exists (select 1 from chat_members me
          where me.chat_id = c.id and me.user_id = ${member} and me.left_seq is null)`;
  const rows = await db.any(typed<PageRow>()`
    select c.head_seq, c.user_lo, c.user_hi, page.*
    from chats c left join lateral (
      select ${messageColumns} from messages m where m.chat_id = c.id ${within(range)} limit ${limit}
    ) page on true
    where c.id = ${chatId} ${allowed}`);
  const [first] = rows;
  if (first === undefined) return undefined;
  const messages = rows.flatMap((row) => (row.chat_id === null ? [] : [messageOf(row, pairOf(row))]));
  return { head: first.head_seq, messages: inOrder(messages, range) };
}

function within(range: Range): FragmentSqlToken {
  if ('before' in range) return sql.fragment`and m.seq < ${range.before} order by m.seq desc`;
  if ('above' in range) return sql.fragment`and m.seq > ${range.above} order by m.seq`;
  const newer = range.newer.map(({ seq, changed_seq }) => [seq, changed_seq]);
  const without =
    newer.length === 0
      ? sql.fragment``
      : sql.fragment`and not exists (
          select 1 from ${sql.unnest(newer, ['int8', 'int8'])} as n(seq, changed_seq)
          where n.seq = m.seq and n.changed_seq >= m.changed_seq)`;
  return sql.fragment`and m.changed_seq > ${range.after} ${without} order by m.changed_seq`;
}

/** A join keeps the order of its rows in practice only: not by any promise. */
function inOrder(messages: Message[], range: Range): Message[] {
  if ('before' in range) return messages.sort((a, b) => b.seq - a.seq);
  if ('above' in range) return messages.sort((a, b) => a.seq - b.seq);
  return messages.sort((a, b) => a.changed_seq - b.changed_seq);
}

export interface MessageReads {
  /** One message, read together with those of other callers. */
  message(wanted: { chat_id: string; seq: number }): Promise<Message | undefined>;
}

export function createMessageReads(db: Database): MessageReads {
  return { message: gather((wanted) => readMessages(db, wanted)) };
}

async function readMessages(
  db: Database,
  wanted: readonly { chat_id: string; seq: number }[],
): Promise<(Message | undefined)[]> {
  const pairs = wanted.map(({ chat_id, seq }) => [chat_id, seq]);
  const rows = await db.any(typed<MessageRow & Pair>()`
    select c.user_lo, c.user_hi, ${messageColumns}
    from (select distinct * from ${sql.unnest(pairs, ['uuid', 'int8'])} as given(chat_id, seq)) w
    join messages m on m.chat_id = w.chat_id and m.seq = w.seq
    join chats c on c.id = m.chat_id`);
  const found = new Map(rows.map((row) => [`${row.chat_id}/${row.seq}`, messageOf(row, pairOf(row))]));
  return wanted.map(({ chat_id, seq }) => found.get(`${chat_id}/${seq}`));
}

function pairOf({ user_lo, user_hi }: Pair): [string, string] | undefined {
  return user_lo === null || user_hi === null ? undefined : [user_lo, user_hi];
}

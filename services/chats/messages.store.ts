import { type FragmentSqlToken, sql } from 'slonik';
import { gather } from '../../ops/connections/gather.ts';
import { type Database, isoTime, prepared, typed } from '../../ops/connections/postgres.ts';
import { type MessageRow, messageOf } from '../../schemas/chat/rows.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import { limits } from '../../schemas/limits.ts';

/** Messages as PostgreSQL has them. */

/** Most messages have none: looking for one first costs a quarter of an empty aggregate. */
const reactions = sql.fragment`
  case when exists (select 1 from reactions r where r.chat_id = m.chat_id and r.seq = m.seq) then
    (select json_agg(json_build_object('emoji', e.emoji, 'count', e.count, 'user_ids', e.user_ids) order by e.first)
      from (
        select r.emoji, count(*) as count, min(r.position) as first,
          (array_agg(r.user_id order by r.position))[1:10] as user_ids
        from reactions r where r.chat_id = m.chat_id and r.seq = m.seq group by r.emoji
      ) e) end as reactions`;

/** The columns of `MessageRow`, from `messages m`. */
const messageColumns = sql.fragment`
  m.chat_id, m.seq, m.sender_id, m.kind, m.text, m.reply_to, m.service, m.client_id, m.ordinal,
  m.created_at, m.edited_at, m.deleted_at, m.changed_seq, ${reactions}`;

interface Pair {
  user_lo: string | null;
  user_hi: string | null;
}

export type Range =
  | { before: number }
  | { above: number }
  /** Past a `changed_seq`; without those that `newer` has in the same or a newer version. */
  | { after: number; newer: readonly { seq: number; changed_seq: number }[] };

/** Up to `limit` messages of a range, the nearest first; at most one more than the longest page has. */
export interface Part {
  range: Range;
  limit: number;
}

/** Parts of a chat's history, read in one statement: `head` and all rows are of the same moment. */
export interface StoredPages {
  head: number;
  /** In the order of the parts asked for. */
  pages: Message[][];
}

/** A message within the JSON of a page: times as PostgreSQL's JSON has them. */
type PageMessage = Omit<MessageRow, 'chat_id' | 'ordinal'>;
type PagesRow = Pair & { head_seq: number } & Record<'page_0' | 'page_1', PageMessage[] | null>;

/**
 * One part, or two. `member`: only if this user is in the chat. Undefined: no such chat, or not the user's.
 *
 * The rows of a part come as one JSON value, which costs half of what pg takes to read 50 rows of 13 columns. And the
 * statement is prepared, since planning it costs PostgreSQL twice as much as running it.
 */
export async function readPages(
  db: Database,
  chatId: string,
  parts: readonly Part[],
  member: string | undefined,
): Promise<StoredPages | undefined> {
  const allowed =
    member === undefined
      ? sql.fragment``
      : sql.fragment`and exists (select 1 from chat_members me
          where me.chat_id = c.id and me.user_id = ${member} and me.left_seq is null)`;
  const [first, second] = parts.map(pageOf);
  const row = await db.maybeOne(typed<PagesRow>()`${prepared}
    select c.head_seq, c.user_lo, c.user_hi, ${first ?? none} as page_0, ${second ?? none} as page_1
    from chats c where c.id = ${chatId} ${allowed}`);
  if (row === null) return undefined;
  const pair = pairOf(row);
  const pages = parts.map(({ range }, at) => {
    const found = (at === 0 ? row.page_0 : row.page_1) ?? [];
    return inOrder(
      found.map((message) => messageOf(rowOf(chatId, message), pair)),
      range,
    );
  });
  return { head: row.head_seq, pages };
}

const none = sql.fragment`null::json`;
/** In the text, since a value is not known when it is planned: one more than a page says that there are more. */
const longest = sql.literalValue(String(limits.history + 1));

/**
 * The inner limit is the longest page that can be asked for: so a plan that does not know the outer one reads no more,
 * and knows to take the rows as the index has them, however long the chat is.
 */
function pageOf({ range, limit }: Part): FragmentSqlToken {
  return sql.fragment`(select json_agg(page) from (
      select * from (
        select m.seq, m.sender_id, m.kind, m.text, m.reply_to, m.service, m.client_id,
          m.created_at, m.edited_at, m.deleted_at, m.changed_seq, ${reactions}
        from messages m where m.chat_id = c.id ${within(range)} limit ${longest}
      ) nearest limit ${limit}
    ) page)`;
}

/** Its times made those of the API. */
function rowOf(chat_id: string, message: PageMessage): Omit<MessageRow, 'ordinal'> {
  const { created_at, edited_at, deleted_at } = message;
  return {
    ...message,
    chat_id,
    created_at: isoTime(created_at),
    edited_at: edited_at && isoTime(edited_at),
    deleted_at: deleted_at && isoTime(deleted_at),
  };
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

/** An aggregate keeps the order of its rows in practice only: not by any promise. */
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

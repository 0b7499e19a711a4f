import { type FragmentSqlToken, sql } from 'slonik';
import type { Transaction } from '../../ops/connections/postgres.ts';
import type { ChatEvent } from '../../schemas/chat/events.ts';
import { type ChatWrite, type PlannedRows, planRows } from './plan.ts';

/**
 * Planned rows into their tables: one statement per table and batch, rows of many chats together. No
 * statement changes a row that has come further.
 */
export async function writeRows(tx: Transaction, rows: PlannedRows): Promise<void> {
  await makeChats(tx, rows.chats);
  await moveChats(tx, rows.chats);
  await renameChats(tx, rows.chats);
  await writeMembers(tx, rows.members);
  await moveMembers(tx, rows.moves);
  await writeMessages(tx, rows.messages);
  await dropReactions(tx, rows.unreacted);
  await writeReactions(tx, rows.reacted);
}

/**
 * Rows of objects, one JSON parameter for `json_to_recordset`: V8 writes that many times faster than an array
 * per column is built and escaped for `unnest`.
 */
function rowsOf(rows: readonly object[]): FragmentSqlToken {
  return sql.fragment`${JSON.stringify(rows)}::json`;
}

async function makeChats(tx: Transaction, chats: readonly ChatWrite[]): Promise<void> {
  const rows = chats.flatMap(({ id, made, ...chat }) => {
    if (made === undefined) return [];
    const { number, type, title, about, created_by, created_at } = made.facts;
    const [user_lo, user_hi] = made.pair ?? [null, null];
    const { head_seq, member_seq, last_message_seq = 0, last_activity_at = created_at } = chat;
    const { messages_count = 0, members_count = 0 } = chat;
    const facts = { id, number, type, title, about, created_by, created_at, user_lo, user_hi };
    const counts = {
      head_seq,
      last_message_seq,
      last_activity_at,
      messages_count,
      members_count,
      member_seq,
    };
    return [{ ...facts, ...counts }];
  });
  if (rows.length === 0) return;
  await tx.query(sql.unsafe`
    insert into chats (id, number, type, title, about, created_by, created_at, head_seq, last_message_seq,
      last_activity_at, messages_count, members_count, member_seq, user_lo, user_hi)
    select * from json_to_recordset(${rowsOf(rows)}) as u(id uuid, number int8, type text, title text, about text,
      created_by uuid, created_at timestamptz, head_seq int8, last_message_seq int8, last_activity_at timestamptz,
      messages_count int8, members_count int4, member_seq int8, user_lo uuid, user_hi uuid)
    on conflict (id) do nothing`);
}

async function moveChats(tx: Transaction, chats: readonly ChatWrite[]): Promise<void> {
  const rows = chats.flatMap((chat) => {
    if (chat.made !== undefined) return [];
    const { made: _, renamed: __, ...moved } = chat;
    return [moved];
  });
  if (rows.length === 0) return;
  await tx.query(sql.unsafe`
    update chats c set
      head_seq = u.head_seq,
      member_seq = u.member_seq,
      last_message_seq = coalesce(u.last_message_seq, c.last_message_seq),
      last_activity_at = coalesce(u.last_activity_at, c.last_activity_at),
      messages_count = coalesce(u.messages_count, c.messages_count),
      members_count = coalesce(u.members_count, c.members_count)
    from json_to_recordset(${rowsOf(rows)}) as u(id uuid, head_seq int8, member_seq int8, last_message_seq int8,
      last_activity_at timestamptz, messages_count int8, members_count int4)
    where c.id = u.id and c.head_seq < u.head_seq`);
}

/**
 * Names, in two steps: first every new name is free again, so that a batch may hand a name from one chat
 * to another. Who has a name is decided in `chat_usernames`; where a row still shows another chat with it,
 * ours goes without until that is written, because a flush must never stop here.
 */
async function renameChats(tx: Transaction, chats: readonly ChatWrite[]): Promise<void> {
  const named = chats.flatMap(({ id, made, renamed }) => {
    const facts = renamed ?? made?.facts;
    return facts === undefined || (made !== undefined && facts.username === null) ? [] : [{ id, facts }];
  });
  if (named.length === 0) return;
  const ids = sql.array(
    named.map(({ id }) => id),
    'uuid',
  );
  await tx.query(
    sql.unsafe`update chats set username = null where id = any(${ids}) and username is not null`,
  );
  const rows = named.map(({ id, facts: { title, about, username } }) => ({ id, title, about, username }));
  await tx.query(sql.unsafe`
    update chats c set title = u.title, about = u.about,
      username = case
        when exists (select 1 from chats o where o.username = u.username::citext and o.id <> c.id) then null
        else u.username::citext
      end
    from json_to_recordset(${rowsOf(rows)}) as u(id uuid, title text, about text, username text)
    where c.id = u.id`);
}

async function writeMembers(tx: Transaction, members: PlannedRows['members']): Promise<void> {
  if (members.length === 0) return;
  await tx.query(sql.unsafe`
    insert into chat_members as m
      (chat_id, user_id, role, joined_seq, left_seq, removed, read_seq, read_ordinal, last_client_id)
    select * from json_to_recordset(${rowsOf(members)}) as u(chat_id uuid, user_id uuid, role text, joined_seq int8,
      left_seq int8, removed bool, read int8, read_ordinal int8, last_client_id uuid)
    on conflict (chat_id, user_id) do update set
      role = excluded.role,
      joined_seq = excluded.joined_seq,
      left_seq = excluded.left_seq,
      removed = excluded.removed,
      read_seq = greatest(m.read_seq, excluded.read_seq),
      read_ordinal = greatest(m.read_ordinal, excluded.read_ordinal),
      last_client_id = greatest(m.last_client_id, excluded.last_client_id)`);
}

/** Read marks and `client_id`s go forward only. A mark of somebody who is not in the table changes nothing. */
async function moveMembers(tx: Transaction, moves: PlannedRows['moves']): Promise<void> {
  if (moves.length === 0) return;
  await tx.query(sql.unsafe`
    update chat_members m set
      read_seq = greatest(m.read_seq, u.read),
      read_ordinal = greatest(m.read_ordinal, u.ordinal),
      last_client_id = greatest(m.last_client_id, u.last_client_id)
    from json_to_recordset(${rowsOf(moves)}) as u(chat_id uuid, user_id uuid, read int8, ordinal int8, last_client_id uuid)
    where m.chat_id = u.chat_id and m.user_id = u.user_id
      and (m.read_seq < u.read or u.last_client_id is not null)`);
}

async function writeMessages(tx: Transaction, messages: PlannedRows['messages']): Promise<void> {
  if (messages.length === 0) return;
  // The message as it is, and its ordinal: what is no column of `u` is not looked at.
  const rows = messages.map(({ message, ordinal, text = JSON.stringify(message) }) => {
    return `${text.slice(0, -1)},"ordinal":${ordinal}}`;
  });
  await tx.query(sql.unsafe`
    insert into messages as m (chat_id, seq, sender_id, kind, text, reply_to, service, client_id, ordinal,
      created_at, edited_at, deleted_at, changed_seq)
    select * from json_to_recordset(${`[${rows.join(',')}]`}::json) as u(chat_id uuid, seq int8, sender_id uuid, kind text,
      text text, reply_to int8, service jsonb, client_id uuid, ordinal int8, created_at timestamptz,
      edited_at timestamptz, deleted_at timestamptz, changed_seq int8)
    on conflict (chat_id, seq) do update set
      text = excluded.text,
      edited_at = excluded.edited_at,
      deleted_at = excluded.deleted_at,
      changed_seq = excluded.changed_seq
    where m.changed_seq < excluded.changed_seq`);
}

async function dropReactions(tx: Transaction, unreacted: PlannedRows['unreacted']): Promise<void> {
  if (unreacted.length === 0) return;
  await tx.query(sql.unsafe`
    delete from reactions r
    using json_to_recordset(${rowsOf(unreacted)}) as u(chat_id uuid, seq int8, user_id uuid)
    where r.chat_id = u.chat_id and r.seq = u.seq and (u.user_id is null or r.user_id = u.user_id)`);
}

async function writeReactions(tx: Transaction, reacted: PlannedRows['reacted']): Promise<void> {
  if (reacted.length === 0) return;
  await tx.query(sql.unsafe`
    insert into reactions as r (chat_id, seq, user_id, emoji, position)
    select * from json_to_recordset(${rowsOf(reacted)})
      as u(chat_id uuid, seq int8, user_id uuid, emoji text, position int8)
    on conflict (chat_id, seq, user_id) do update set emoji = excluded.emoji, position = excluded.position
    where r.position < excluded.position`);
}

/** Contract: `ChatStore.bury`. */
export async function buryEvent(
  tx: Transaction,
  id: string,
  event: ChatEvent,
  heads: ReadonlyMap<string, number>,
): Promise<boolean> {
  if (event.type === 'noted') return false;
  const { message } = event;
  const rows = planRows({ events: [{ id, event }], marks: [] }, heads);
  if (rows.messages.length === 0) return true;
  rows.reacted = [];
  if (event.type === 'posted') {
    const { sender_id, seq, created_at } = message;
    // Kept where it may be: whoever repeats the send later is told this seq.
    const taken =
      message.client_id !== null &&
      (await tx.exists(sql.unsafe`
        select 1 from messages where chat_id = ${id} and sender_id = ${sender_id}
          and client_id = ${message.client_id} and seq <> ${seq}`));
    const client_id = taken ? null : message.client_id;
    const empty = { ...message, text: '', reply_to: null, client_id, deleted_at: created_at };
    rows.messages = [{ message: empty, ordinal: event.ordinal }];
  } else {
    rows.messages = [];
    const gone = message.deleted_at !== null;
    await tx.query(sql.unsafe`
      update messages set changed_seq = ${message.changed_seq},
        text = case when ${gone} then '' else text end,
        deleted_at = case when ${gone} then created_at else deleted_at end
      where chat_id = ${id} and seq = ${message.seq} and changed_seq < ${message.changed_seq}`);
  }
  await writeRows(tx, rows);
  return true;
}

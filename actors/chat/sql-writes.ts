import { sql } from 'slonik';
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

async function makeChats(tx: Transaction, chats: readonly ChatWrite[]): Promise<void> {
  const rows = chats.flatMap(({ id, made, ...chat }) => {
    if (made === undefined) return [];
    const { number, type, title, about, created_by, created_at } = made.facts;
    const [user_lo, user_hi] = made.pair ?? [null, null];
    const counts = [chat.messages_count ?? 0, chat.members_count ?? 0];
    const activity = [chat.last_message_seq ?? 0, chat.last_activity_at ?? created_at];
    const row = [id, number, type, title, about, created_by, created_at, chat.head_seq, ...activity];
    return [[...row, ...counts, chat.member_seq, user_lo, user_hi]];
  });
  if (rows.length === 0) return;
  await tx.query(sql.unsafe`
    insert into chats (id, number, type, title, about, created_by, created_at, head_seq, last_message_seq,
      last_activity_at, messages_count, members_count, member_seq, user_lo, user_hi)
    select * from ${sql.unnest(rows, [
      ...['uuid', 'int8', 'text', 'text', 'text', 'uuid', 'timestamptz', 'int8', 'int8', 'timestamptz'],
      ...['int8', 'int4', 'int8', 'uuid', 'uuid'],
    ])}
    on conflict (id) do nothing`);
}

async function moveChats(tx: Transaction, chats: readonly ChatWrite[]): Promise<void> {
  const rows = chats.flatMap((chat) => {
    if (chat.made !== undefined) return [];
    const { id, head_seq, member_seq, last_message_seq, last_activity_at, messages_count, members_count } =
      chat;
    const moved = [last_message_seq ?? null, last_activity_at ?? null, messages_count ?? null];
    return [[id, head_seq, member_seq, ...moved, members_count ?? null]];
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
    from ${sql.unnest(rows, ['uuid', 'int8', 'int8', 'int8', 'timestamptz', 'int8', 'int4'])}
      as u(id, head_seq, member_seq, last_message_seq, last_activity_at, messages_count, members_count)
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
  const rows = named.map(({ id, facts: { title, about, username } }) => [id, title, about, username]);
  await tx.query(sql.unsafe`
    update chats c set title = u.title, about = u.about,
      username = case
        when exists (select 1 from chats o where o.username = u.username::citext and o.id <> c.id) then null
        else u.username::citext
      end
    from ${sql.unnest(rows, ['uuid', 'text', 'text', 'text'])} as u(id, title, about, username)
    where c.id = u.id`);
}

async function writeMembers(tx: Transaction, members: PlannedRows['members']): Promise<void> {
  if (members.length === 0) return;
  const rows = members.map((row) => {
    const { chat_id, user_id, role, joined_seq, left_seq, removed, read, read_ordinal, last_client_id } = row;
    return [chat_id, user_id, role, joined_seq, left_seq, removed, read, read_ordinal, last_client_id];
  });
  await tx.query(sql.unsafe`
    insert into chat_members as m
      (chat_id, user_id, role, joined_seq, left_seq, removed, read_seq, read_ordinal, last_client_id)
    select * from ${sql.unnest(rows, ['uuid', 'uuid', 'text', 'int8', 'int8', 'bool', 'int8', 'int8', 'uuid'])}
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
  const rows = moves.map(({ chat_id, user_id, read, ordinal, last_client_id }) => {
    return [chat_id, user_id, read, ordinal, last_client_id];
  });
  await tx.query(sql.unsafe`
    update chat_members m set
      read_seq = greatest(m.read_seq, u.read_seq),
      read_ordinal = greatest(m.read_ordinal, u.read_ordinal),
      last_client_id = greatest(m.last_client_id, u.last_client_id)
    from ${sql.unnest(rows, ['uuid', 'uuid', 'int8', 'int8', 'uuid'])}
      as u(chat_id, user_id, read_seq, read_ordinal, last_client_id)
    where m.chat_id = u.chat_id and m.user_id = u.user_id
      and (m.read_seq < u.read_seq or u.last_client_id is not null)`);
}

async function writeMessages(tx: Transaction, messages: PlannedRows['messages']): Promise<void> {
  if (messages.length === 0) return;
  const rows = messages.map(({ message: m, ordinal }) => {
    const service = m.service === null ? null : JSON.stringify(m.service);
    const times = [m.created_at, m.edited_at, m.deleted_at];
    const made = [m.chat_id, m.seq, m.sender_id, m.kind, m.text, m.reply_to, service, m.client_id, ordinal];
    return [...made, ...times, m.changed_seq];
  });
  await tx.query(sql.unsafe`
    insert into messages as m (chat_id, seq, sender_id, kind, text, reply_to, service, client_id, ordinal,
      created_at, edited_at, deleted_at, changed_seq)
    select * from ${sql.unnest(rows, [
      ...['uuid', 'int8', 'uuid', 'text', 'text', 'int8', 'jsonb', 'uuid', 'int8'],
      ...['timestamptz', 'timestamptz', 'timestamptz', 'int8'],
    ])}
    on conflict (chat_id, seq) do update set
      text = excluded.text,
      edited_at = excluded.edited_at,
      deleted_at = excluded.deleted_at,
      changed_seq = excluded.changed_seq
    where m.changed_seq < excluded.changed_seq`);
}

async function dropReactions(tx: Transaction, unreacted: PlannedRows['unreacted']): Promise<void> {
  if (unreacted.length === 0) return;
  const rows = unreacted.map(({ chat_id, seq, user_id }) => [chat_id, seq, user_id]);
  await tx.query(sql.unsafe`
    delete from reactions r using ${sql.unnest(rows, ['uuid', 'int8', 'uuid'])} as u(chat_id, seq, user_id)
    where r.chat_id = u.chat_id and r.seq = u.seq and (u.user_id is null or r.user_id = u.user_id)`);
}

async function writeReactions(tx: Transaction, reacted: PlannedRows['reacted']): Promise<void> {
  if (reacted.length === 0) return;
  const rows = reacted.map(({ chat_id, seq, user_id, emoji, position }) => {
    return [chat_id, seq, user_id, emoji, position];
  });
  await tx.query(sql.unsafe`
    insert into reactions as r (chat_id, seq, user_id, emoji, position)
    select * from ${sql.unnest(rows, ['uuid', 'int8', 'uuid', 'text', 'int8'])}
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

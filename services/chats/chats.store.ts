import { sql } from 'slonik';
import { gather } from '../../ops/connections/gather.ts';
import { type Database, typed } from '../../ops/connections/postgres.ts';
import type { HotMember } from '../../schemas/chat/commands.ts';
import type { ChatFacts } from '../../schemas/chat/events.ts';
import type { Role } from '../../schemas/chat/wire.ts';

/** Chats and members as PostgreSQL has them. */

/** A chat of one user. Where the user never was in it, there is no such row; `left_seq` null: is in it. */
export interface ChatRow extends ChatFacts {
  id: string;
  head_seq: number;
  last_message_seq: number;
  last_activity_at: string;
  messages_count: number;
  members_count: number;
  member_seq: number;
  role: Role;
  read_seq: number;
  read_ordinal: number;
  left_seq: number | null;
  /** The other one of a private chat, and how far they have read. */
  peer_id: string | null;
  peer_read: number | null;
}

export async function takeNumber(db: Database): Promise<number> {
  return db.oneFirst(typed<{ number: number }>()`select nextval('chats_number') as number`);
}

/** The ids of the chats of one type that a user is in. */
export async function chatIdsOf(db: Database, userId: string, type: string): Promise<readonly string[]> {
  return db.anyFirst(typed<{ chat_id: string }>()`
    select m.chat_id from chat_members m join chats c on c.id = m.chat_id
    where m.user_id = ${userId} and m.left_seq is null and c.type = ${type}`);
}

/** A user, and a chat of his. */
export interface Place {
  user_id: string;
  chat_id: string;
}

/** The reads that every client makes when it connects: those of many clients go together. */
export interface ChatReads {
  /** The ids of all chats that a user is in. */
  chatIds(userId: string): Promise<readonly string[]>;
  /** Of the groups: what a connection attaches to. */
  groupIds(userId: string): Promise<readonly string[]>;
  /** Undefined where the user never was in the chat. */
  row(place: Place): Promise<ChatRow | undefined>;
}

export function createChatReads(db: Database): ChatReads {
  return {
    chatIds: gather(async (users) =>
      byUser(
        users,
        await db.any(typed<Place>()`
          select user_id, chat_id from chat_members
          where user_id = any(${sql.array([...users], 'uuid')}) and left_seq is null`),
      ),
    ),
    groupIds: gather(async (users) =>
      byUser(
        users,
        await db.any(typed<Place>()`
          select m.user_id, m.chat_id from chat_members m join chats c on c.id = m.chat_id
          where m.user_id = any(${sql.array([...users], 'uuid')}) and m.left_seq is null and c.user_lo is null`),
      ),
    ),
    row: gather((places) => readPlaces(db, places)),
  };
}

function byUser(users: readonly string[], places: readonly Place[]): string[][] {
  const chats = new Map<string, string[]>(users.map((user) => [user, []]));
  for (const { user_id, chat_id } of places) chats.get(user_id)?.push(chat_id);
  return users.map((user) => chats.get(user) ?? []);
}

async function readPlaces(db: Database, places: readonly Place[]): Promise<(ChatRow | undefined)[]> {
  const pairs = places.map(({ user_id, chat_id }) => [user_id, chat_id]);
  const rows = await db.any(typed<ChatRow & { user_id: string }>()`
    select k.user_id, c.id, c.number, c.type, c.title, c.about, c.username::text, c.created_by, c.created_at, c.head_seq,
      c.last_message_seq, c.last_activity_at, c.messages_count, c.members_count, c.member_seq,
      m.role, m.read_seq, m.read_ordinal, m.left_seq, p.user_id as peer_id, p.read_seq as peer_read
    from (select distinct * from ${sql.unnest(pairs, ['uuid', 'uuid'])} as given(user_id, chat_id)) k
    join chats c on c.id = k.chat_id
    join chat_members m on m.chat_id = c.id and m.user_id = k.user_id
    left join chat_members p on p.chat_id = c.id
      and p.user_id = case when c.user_lo = k.user_id then c.user_hi else c.user_lo end`);
  const found = new Map(rows.map(({ user_id, ...row }) => [`${user_id}/${row.id}`, row]));
  return places.map(({ user_id, chat_id }) => found.get(`${user_id}/${chat_id}`));
}

/** A page of a chat's members by joined_seq, if this user is one of them; one row more than `limit`. */
export async function readMembers(
  db: Database,
  chatId: string,
  userId: string,
  after: number,
  limit: number,
): Promise<readonly HotMember[]> {
  return db.any(typed<HotMember>()`
    select user_id, role, read_seq as read, joined_seq from chat_members
    where chat_id = ${chatId} and left_seq is null and joined_seq > ${after}
      and exists (select 1 from chat_members me
        where me.chat_id = ${chatId} and me.user_id = ${userId} and me.left_seq is null)
    order by joined_seq, user_id limit ${limit + 1}`);
}

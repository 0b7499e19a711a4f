import { sql } from 'slonik';
import { type Database, typed } from '../../ops/connections/postgres.ts';

/** Public names of chats: `chat_usernames` says whose a name is, one name a chat. */

/** Gives the chat this name in place of the one that it has. Fails with a unique violation where it is another's. */
export async function reserveUsername(db: Database, chatId: string, username: string): Promise<void> {
  await db.query(sql.unsafe`
    insert into chat_usernames (username, chat_id) values (${username}, ${chatId})
    on conflict (chat_id) do update set username = excluded.username`);
}

export async function reservedUsername(db: Database, chatId: string): Promise<string | undefined> {
  const username = await db.maybeOneFirst(typed<{ username: string }>()`
    select username::text from chat_usernames where chat_id = ${chatId}`);
  return username ?? undefined;
}

export async function freeUsername(db: Database, chatId: string): Promise<void> {
  await db.query(sql.unsafe`delete from chat_usernames where chat_id = ${chatId}`);
}

/** Does another chat's row still show this name? Its owner may be about to give it up. */
export async function isShownElsewhere(db: Database, chatId: string, username: string): Promise<boolean> {
  return db.exists(sql.unsafe`
    select 1 from chats where username = ${username}::citext and id <> ${chatId}`);
}

import { sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import { newId } from '../../schemas/ids.ts';
import type { Credentials } from './users.store.ts';
import { timestamp, userColumns } from './users.store.ts';
import type { UserRow } from './views.ts';

/** SQL on addresses that were verified: in `users.email`, and in `identities`. Times as in `users.store.ts`. */

export interface VerifiedUser {
  id: string;
  email: string;
  username: string;
  name: string;
  password_hash: string;
}

/** Fails with a unique violation when the username or the address is somebody's. */
export async function insertVerifiedUser(db: Transaction, user: VerifiedUser, now: number): Promise<UserRow> {
  return db.one(typed<UserRow>()`
    insert into users (id, email, username, password_hash, first_name, display_name, created_at, updated_at)
    values (${user.id}, ${user.email}, ${user.username}, ${user.password_hash}, ${user.name}, ${user.name},
      ${timestamp(now)}, ${timestamp(now)})
    returning ${userColumns}`);
}

/** One who came without choosing a name: `user<number>`. `email` null: none that was verified. */
export async function insertNumberedUser(
  db: Transaction,
  user: {
    id: string;
    email: string | null;
    pending_email?: string;
    password_hash?: string;
    display_name?: string | null;
  },
  now: number,
): Promise<UserRow> {
  return db.one(typed<UserRow>()`
    insert into users
      (id, number, email, pending_email, password_hash, username, display_name, created_at, updated_at)
    select ${user.id}, number, ${user.email}, ${user.pending_email ?? null}, ${user.password_hash ?? null},
      'user' || number, coalesce(${user.display_name ?? null}, 'user' || number), ${timestamp(now)},
      ${timestamp(now)}
    from nextval('users_number') as number
    returning ${userColumns}`);
}

/** Whoever has verified this address, with his password, banned ones too. */
export async function findUserByEmail(db: Transaction, email: string): Promise<Credentials | null> {
  return db.maybeOne(typed<Credentials>()`
    select ${userColumns}, password_hash from users where email = ${email}::citext and deleted_at is null`);
}

/** What the user claims from now on. */
export async function claimEmail(db: Transaction, id: string, email: string, now: number): Promise<void> {
  await db.query(sql.unsafe`
    update users set pending_email = ${email}, updated_at = ${timestamp(now)} where id = ${id}`);
}

/**
 * The claim becomes his address; `null` where he does not claim it any more. Fails with a unique violation
 * (`users_email_key`) when it is somebody's.
 */
export async function verifyClaim(
  db: Transaction,
  id: string,
  email: string,
  now: number,
): Promise<UserRow | null> {
  const row = await db.maybeOne(typed<UserRow>()`
    update users set email = pending_email, pending_email = null, updated_at = ${timestamp(now)}
    where id = ${id} and pending_email = ${email}::citext and deleted_at is null
    returning ${userColumns}`);
  if (row !== null) await keepEmailIdentity(db, id, email, now);
  return row;
}

/** A user has one address; the column `users.email` has the last word on whose it is. */
export async function keepEmailIdentity(
  db: Transaction,
  userId: string,
  email: string,
  now: number,
): Promise<void> {
  await db.query(sql.unsafe`delete from identities where user_id = ${userId} and provider = 'email'`);
  await db.query(sql.unsafe`
    insert into identities (id, user_id, provider, subject, email_verified, created_at)
    values (${newId()}, ${userId}, 'email', ${email.toLowerCase()}, true, ${timestamp(now)})
    on conflict (provider, issuer, subject) do update set user_id = excluded.user_id`);
}

/** What tells which addresses and accounts elsewhere are his. To be called while `users` still has his address. */
export async function eraseAddresses(tx: Transaction, userId: string): Promise<void> {
  await tx.query(sql.unsafe`delete from identities where user_id = ${userId}`);
  await tx.query(sql.unsafe`
    delete from email_tokens where user_id = ${userId} or email in (
      select unnest(array[email, pending_email]) from users where id = ${userId})`);
}

import { sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import { timestamp } from './users.store.ts';

/** SQL of what users do to their own accounts. Times go in as milliseconds. */

/** What proves a caller whose login is live; `opened_at`: when that login began. */
export async function callerCredentials(
  db: Transaction,
  { user_id, login_id, now }: { user_id: string; login_id: string; now: number },
): Promise<{ password_hash: string | null; opened_at: string } | null> {
  return db.maybeOne(typed<{ password_hash: string | null; opened_at: string }>()`
    select password_hash, logins.created_at as opened_at
    from logins join users on users.id = logins.user_id
    where logins.id = ${login_id} and logins.user_id = ${user_id} and revoked_at is null
      and expires_at > ${timestamp(now)} and banned_at is null and deleted_at is null`);
}

/** With `from`: false where the password is that no more, because somebody has changed it meanwhile. */
export async function replacePassword(
  tx: Transaction,
  user_id: string,
  { from, to, now }: { from?: string | null; to: string; now: number },
): Promise<boolean> {
  const still =
    from === undefined ? sql.fragment`true` : sql.fragment`password_hash is not distinct from ${from}::text`;
  const changed = await tx.any(typed<object>()`
    update users set password_hash = ${to}, updated_at = ${timestamp(now)}
    where id = ${user_id} and deleted_at is null and ${still}
    returning 1`);
  return changed.length > 0;
}

/**
 * Erases everything that tells who it was. The row stays for what points at it. Its name is none that anybody could
 * take or have, so that the old one is free.
 */
export async function eraseUser(tx: Transaction, user_id: string, now: number): Promise<void> {
  await tx.query(sql.unsafe`
    update users set
      email = null, pending_email = null, username = 'deleted-' || number, password_hash = null,
      first_name = null, last_name = null, display_name = null, bio = null, about = null, level = null,
      timezone = null, interests_txt = null, avatar_id = null, role = 'user', settings = '{}',
      last_seen_at = null, deleted_at = ${timestamp(now)}, updated_at = ${timestamp(now)}
    where id = ${user_id}`);
  await tx.query(sql.unsafe`update logins set device = null, ip = null where user_id = ${user_id}`);
}

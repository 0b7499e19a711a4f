import { sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import { fail } from '../../schemas/errors.ts';
import type { RevokedLogins, RevokedPage } from '../../schemas/subjects.ts';
import { timestamp } from './users.store.ts';

/** SQL on `logins`. A login is live while it is neither revoked nor expired. */

export interface LoginRow {
  id: string;
  user_id: string;
  /** Counts the refreshes. Only the token of the newest generation is good. */
  generation: number;
  rotated_at: string | null;
  expires_at: string;
  revoked_at: string | null;
}

export interface NewLogin {
  id: string;
  user_id: string;
  device: string | null;
  ip: string | null;
  now: number;
  expires_at: number;
}

const columns = sql.fragment`id, user_id, generation, rotated_at, expires_at, revoked_at`;

/**
 * Throws `forbidden` (`banned`) where the user is banned or gone: hashing a password takes long enough for that. The
 * lock makes a ban wait for this login, which it then ends, or this login for the ban.
 */
export async function insertLogin(db: Transaction, login: NewLogin): Promise<LoginRow> {
  const row = await db.maybeOne(typed<LoginRow>()`
    insert into logins (id, user_id, device, ip, generation, created_at, last_used_at, expires_at)
    select ${login.id}, id, ${login.device}::text, ${login.ip}::text, 1,
      ${timestamp(login.now)}, ${timestamp(login.now)}, ${timestamp(login.expires_at)}
    from users where id = ${login.user_id} and banned_at is null and deleted_at is null for share
    returning ${columns}`);
  if (row === null) throw banned();
  return row;
}

export function banned() {
  return fail('forbidden', { reason: 'banned', detail: 'This account is banned' });
}

export interface Rotation {
  id: string;
  generation: number;
  /** Milliseconds since 1970, as `expires_at` is. */
  now: number;
  expires_at: number;
  /** Milliseconds: no refresh lets a login live longer. */
  lifeMs: number;
}

/**
 * One step from this generation to the next: of two at once exactly one finds the row. `null` when the
 * generation is not the newest, the login is not live, or its user is banned or gone.
 */
export async function rotateLogin(
  db: Transaction,
  { id, generation, now, expires_at, lifeMs }: Rotation,
): Promise<LoginRow | null> {
  return db.maybeOne(typed<LoginRow>()`
    update logins
    set generation = generation + 1, rotated_at = ${timestamp(now)}, last_used_at = ${timestamp(now)},
      expires_at = least(${timestamp(expires_at)}, created_at + ${lifeMs} * interval '1 ms')
    where id = ${id} and generation = ${generation} and revoked_at is null and expires_at > ${timestamp(now)}
      and exists (
        select 1 from users where users.id = logins.user_id and banned_at is null and deleted_at is null)
    returning ${columns}`);
}

export async function findLogin(db: Transaction, id: string): Promise<LoginRow | null> {
  return db.maybeOne(typed<LoginRow>()`select ${columns} from logins where id = ${id}`);
}

/** Is the login live, and its user neither banned nor gone? */
export async function isLive(
  db: Transaction,
  { user_id, login_id, now }: { user_id: string; login_id: string; now: number },
): Promise<boolean> {
  return db.exists(typed<object>()`
    select 1 from logins join users on users.id = logins.user_id
    where logins.id = ${login_id} and logins.user_id = ${user_id} and revoked_at is null
      and expires_at > ${timestamp(now)} and banned_at is null and deleted_at is null`);
}

/** Which logins of a user: one, or all of them, or all but one. */
export type WhichLogins = { login_id?: string } | { but: string };

/** Revokes these logins: the ids that were live until now. */
export async function revokeLogins(
  db: Transaction,
  { user_id, now, ...which }: { user_id: string; now: number } & WhichLogins,
): Promise<string[]> {
  const one =
    'but' in which
      ? sql.fragment`and id <> ${which.but}`
      : which.login_id === undefined
        ? sql.fragment``
        : sql.fragment`and id = ${which.login_id}`;
  const ids = await db.anyFirst(typed<{ id: string }>()`
    update logins set revoked_at = ${timestamp(now)}
    where user_id = ${user_id} and revoked_at is null and expires_at > ${timestamp(now)} ${one}
    returning id`);
  return [...ids];
}

export interface LoginListRow {
  id: string;
  device: string | null;
  ip: string | null;
  created_at: string;
  last_used_at: string;
}

/** The user's live logins, the newest first. */
export async function listLogins(
  db: Transaction,
  {
    user_id,
    before,
    now,
    limit,
  }: { user_id: string; before: string | undefined; now: number; limit: number },
): Promise<readonly LoginListRow[]> {
  const older = before === undefined ? sql.fragment`` : sql.fragment`and id < ${before}`;
  return db.any(typed<LoginListRow>()`
    select id, device, ip::text, created_at, last_used_at from logins
    where user_id = ${user_id} and revoked_at is null and expires_at > ${timestamp(now)} ${older}
    order by id desc limit ${limit}`);
}

/**
 * Logins revoked at or after `since` (milliseconds since 1970), by user: what `RevokedLogins.learn` is
 * given at start, with `since` one life of an access token ago. With a `limit` the first so many, by their ids, of those
 * after the login `after`; without one all of them.
 */
export async function revokedSince(
  db: Transaction,
  since: number,
  { after, limit }: RevokedPage = {},
): Promise<RevokedLogins[]> {
  const later = after === undefined ? sql.fragment`` : sql.fragment`and id > ${after}`;
  const first = limit === undefined ? sql.fragment`` : sql.fragment`order by id limit ${limit}`;
  const rows = await db.any(typed<{ id: string; user_id: string }>()`
    select id, user_id from logins where revoked_at >= ${timestamp(since)} ${later} ${first}`);
  const byUser = Map.groupBy(rows, (row) => row.user_id);
  return [...byUser].map(([user_id, logins]) => ({ user_id, login_ids: logins.map((login) => login.id) }));
}

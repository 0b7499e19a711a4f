import { type FragmentSqlToken, sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { UserShort } from '../../schemas/common.ts';
import type { ProfileChanges } from '../../schemas/user/profile.ts';
import type { UserRow } from './views.ts';

/** SQL on `users`. Times go in as milliseconds of the caller's clock and come out as ISO strings. */

export const userColumns = sql.fragment`
  id, number, email::text, pending_email::text, username::text, first_name, last_name, display_name, bio,
  about, level, timezone, interests_txt, avatar_id, role, settings, followers_count, followings_count, banned_at,
  created_at, updated_at`;

export function timestamp(ms: number): FragmentSqlToken {
  return sql.fragment`${new Date(ms).toISOString()}::timestamptz`;
}

/** First and last name, else the username. Takes columns and values alike. */
function defaultDisplayName(
  first: FragmentSqlToken,
  last: FragmentSqlToken,
  username: FragmentSqlToken,
): FragmentSqlToken {
  return sql.fragment`coalesce(nullif(concat_ws(' ', ${first}, ${last}), ''), ${username})`;
}

export interface NewUser {
  id: string;
  /** Unverified, so only a claim: it does not matter who else has it. */
  pending_email: string;
  username: string;
  password_hash: string;
  first_name: string | null;
  last_name: string | null;
}

/** Fails with a unique violation when the username is taken. */
export async function insertUser(db: Transaction, user: NewUser, now: number): Promise<UserRow> {
  const first = sql.fragment`${user.first_name}::text`;
  const last = sql.fragment`${user.last_name}::text`;
  const username = sql.fragment`${user.username}::text`;
  return db.one(typed<UserRow>()`
    insert into users
      (id, pending_email, username, password_hash, first_name, last_name, display_name, created_at, updated_at)
    values (${user.id}, ${user.pending_email}, ${username}, ${user.password_hash}, ${first}, ${last},
      ${defaultDisplayName(first, last, username)}, ${timestamp(now)}, ${timestamp(now)})
    returning ${userColumns}`);
}

export async function isUsernameTaken(db: Transaction, username: string): Promise<boolean> {
  return db.exists(typed<object>()`select 1 from users where username = ${username}::citext`);
}

export async function findUser(db: Transaction, id: string): Promise<UserRow | null> {
  return db.maybeOne(typed<UserRow>()`
    select ${userColumns} from users where id = ${id} and deleted_at is null`);
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockUser(db: Transaction, id: string): Promise<UserRow | null> {
  return db.maybeOne(typed<UserRow>()`
    select ${userColumns} from users where id = ${id} and deleted_at is null for no key update`);
}

export async function findUserByUsername(db: Transaction, username: string): Promise<UserRow | null> {
  return db.maybeOne(typed<UserRow>()`
    select ${userColumns} from users where username = ${username}::citext and deleted_at is null`);
}

export type Credentials = UserRow & { password_hash: string | null };

export async function credentialsByUsername(db: Transaction, username: string): Promise<Credentials | null> {
  return db.maybeOne(typed<Credentials>()`
    select ${userColumns}, password_hash from users
    where username = ${username}::citext and deleted_at is null`);
}

/**
 * The address's verified owner, else its only claimant; nobody where several claim it. One query, so that
 * the three take equally long.
 */
export async function credentialsByEmail(db: Transaction, email: string): Promise<Credentials | null> {
  const rows = await db.any(typed<Credentials & { verified: boolean | null }>()`
    select ${userColumns}, password_hash, email = ${email}::citext as verified from users
    where (email = ${email}::citext or pending_email = ${email}::citext) and deleted_at is null
    order by verified desc nulls last limit 2`);
  const [first, second] = rows;
  return first?.verified || second === undefined ? (first ?? null) : null;
}

/**
 * Sets the fields that are present, and no others; `null` when there is no such user. Fails with a
 * unique violation when the username is taken.
 */
export async function updateUser(
  db: Transaction,
  id: string,
  changes: ProfileChanges,
  now: number,
): Promise<UserRow | null> {
  const { settings, username } = changes;
  const texts = (
    ['first_name', 'last_name', 'bio', 'about', 'level', 'timezone', 'interests_txt', 'avatar_id'] as const
  )
    .filter((column) => changes[column] !== undefined)
    .map((column) => sql.fragment`${sql.identifier([column])} = ${changes[column] ?? null}`);
  const sets = [
    ...texts,
    ...(username === undefined ? [] : [sql.fragment`username = ${username}`]),
    ...(settings === undefined ? [] : [sql.fragment`settings = ${JSON.stringify(settings ?? {})}::jsonb`]),
    ...displayName(changes),
    sql.fragment`updated_at = ${timestamp(now)}`,
  ];
  return db.maybeOne(typed<UserRow>()`
    update users set ${sql.join(sets, sql.fragment`, `)}
    where id = ${id} and deleted_at is null
    returning ${userColumns}`);
}

/** A cleared display name becomes the default of the names as they will be after this change. */
function displayName(changes: ProfileChanges): FragmentSqlToken[] {
  if (changes.display_name === undefined) return [];
  if (changes.display_name !== null) return [sql.fragment`display_name = ${changes.display_name}`];
  const [first, last, username] = (['first_name', 'last_name', 'username'] as const).map((column) => {
    const change = changes[column];
    return change === undefined
      ? sql.fragment`${sql.identifier([column])}::text`
      : sql.fragment`${change}::text`;
  }) as [FragmentSqlToken, FragmentSqlToken, FragmentSqlToken];
  return [sql.fragment`display_name = ${defaultDisplayName(first, last, username)}`];
}

/** The short forms of those of these users who exist. */
export async function findShorts(
  db: Transaction,
  ids: readonly string[],
): Promise<readonly (Omit<UserShort, 'avatar'> & { avatar_id: string | null })[]> {
  return db.any(typed<Omit<UserShort, 'avatar'> & { avatar_id: string | null }>()`
    select id, username::text, display_name, avatar_id from users
    where id = any(${sql.array([...ids], 'uuid')}) and deleted_at is null`);
}

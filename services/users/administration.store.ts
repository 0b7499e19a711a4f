import { type FragmentSqlToken, sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { ManagedUser } from '../../schemas/rest/admin.ts';
import type { Role } from '../../schemas/roles.ts';
import { timestamp } from './users.store.ts';

/** SQL of what moderators and admins do to `users`. Times go in as milliseconds. */

const columns = sql.fragment`
  id, number, username::text, display_name, role, banned_at, last_seen_at, created_at`;

/** Any number that is ours: who changes how many admins there are holds the advisory lock of this key. */
const adminsLock = '4171208436250917';

/**
 * Until the transaction ends nobody else adds, lowers or deletes an admin. Take it before any row: who waits for it
 * must hold nothing that its holder may want.
 */
export async function lockAdmins(tx: Transaction): Promise<void> {
  await tx.query(sql.unsafe`select pg_advisory_xact_lock(${adminsLock}::bigint)`);
}

/** Is there an admin besides this one? Under `lockAdmins` the answer holds until the end of the transaction. */
export async function hasOtherAdmin(tx: Transaction, id: string | null): Promise<boolean> {
  return tx.exists(typed<object>()`
    select 1 from users
    where role = 'admin' and banned_at is null and deleted_at is null and id is distinct from ${id}::uuid`);
}

/** The user, whom nobody else changes until the transaction ends, and who opens no login meanwhile. */
export async function lockManaged(tx: Transaction, id: string): Promise<ManagedUser | null> {
  return tx.maybeOne(typed<ManagedUser>()`
    select ${columns} from users where id = ${id} and deleted_at is null for no key update`);
}

export async function setBanned(tx: Transaction, id: string, at: number | null): Promise<ManagedUser> {
  return change(
    tx,
    id,
    at === null ? sql.fragment`banned_at = null` : sql.fragment`banned_at = ${timestamp(at)}`,
  );
}

export async function setRole(tx: Transaction, id: string, role: Role): Promise<ManagedUser> {
  return change(tx, id, sql.fragment`role = ${role}`);
}

async function change(tx: Transaction, id: string, set: FragmentSqlToken): Promise<ManagedUser> {
  return tx.one(typed<ManagedUser>()`update users set ${set} where id = ${id} returning ${columns}`);
}

/** Whose verified address is this? */
export async function findVerified(tx: Transaction, email: string): Promise<ManagedUser | null> {
  return tx.maybeOne(typed<ManagedUser>()`
    select ${columns} from users where email = ${email}::citext and deleted_at is null`);
}

/** A shorter text has no trigrams within a word: it is only compared with beginnings. */
const containsFrom = 3;

/**
 * Users, the newest first: all of them, or those of whom a name holds the text, banned ones too. Each name is a branch
 * of its own, since PostgreSQL answers their OR by reading the whole table.
 */
export async function findManaged(
  db: Transaction,
  text: string,
  before: string | undefined,
  limit: number,
): Promise<readonly ManagedUser[]> {
  const older = before === undefined ? sql.fragment`` : sql.fragment`and id < ${before}`;
  const page = sql.fragment`${older} order by id desc limit ${limit}`;
  if (text === '')
    return db.any(typed<ManagedUser>()`select ${columns} from users where deleted_at is null ${page}`);
  const plain = text.replace(/[\\%_]/g, '\\$&');
  const like = [...text].length >= containsFrom ? `%${plain}%` : `${plain}%`;
  const ids = (name: FragmentSqlToken) =>
    sql.fragment`(select id from users where ${name} ilike ${like} and deleted_at is null ${page})`;
  return db.any(typed<ManagedUser>()`
    select ${columns} from users
    where id in (${ids(sql.fragment`username::text`)} union ${ids(sql.fragment`display_name`)})
    order by id desc limit ${limit}`);
}

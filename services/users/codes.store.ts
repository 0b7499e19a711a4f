import { type FragmentSqlToken, sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import { timestamp } from './users.store.ts';

/** SQL on `email_tokens`. Times are milliseconds since 1970. */

/** What a code is good for. `verify`: a user's claim; `register`: an account that is not made yet. */
export type CodePurpose = 'verify' | 'register' | 'login' | 'reset';

export interface CodeRow {
  id: string;
  purpose: CodePurpose;
  email: string;
  user_id: string | null;
  tries: number;
  sent_at: string | null;
  used_at: string | null;
  expires_at: string;
}

export interface NewCode {
  id: string;
  purpose: CodePurpose;
  email: string;
  user_id: string | null;
  ip: string | null;
  now: number;
  expires_at: number;
}

const columns = sql.fragment`id, purpose, email::text, user_id, tries, sent_at, used_at, expires_at`;

export async function insertCode(db: Transaction, code: NewCode): Promise<void> {
  await db.query(sql.unsafe`
    insert into email_tokens (id, purpose, email, user_id, ip, created_at, expires_at)
    values (${code.id}, ${code.purpose}, ${code.email}, ${code.user_id}, ${code.ip}, ${timestamp(code.now)},
      ${timestamp(code.expires_at)})`);
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How many codes there may be, in an hour or a day. */
export interface CodeBounds {
  addressHour: number;
  addressDay: number;
  ipHour: number;
  allHour: number;
}

/**
 * When another code may be written by all bounds: for this address, this IP address, and all; null: now. Of a bound
 * that is reached, one place is free again when the oldest of its newest N codes counts no more. Until the transaction
 * ends nobody else counts those of this address; the other two bounds may be passed by as many as are asked for in the
 * same moment.
 */
export async function whenFree(
  tx: Transaction,
  { email, ip, now, bounds }: { email: string; ip: string | null; now: number; bounds: CodeBounds },
): Promise<number | null> {
  const lock = `codes ${email.toLowerCase()}`;
  await tx.query(sql.unsafe`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`);
  const ofAddress = sql.fragment`email = ${email}::citext`;
  const freeBy = (most: number, hours: number, which: FragmentSqlToken) => sql.fragment`(
    select created_at + make_interval(hours => ${hours}) from email_tokens
    where ${which} and created_at > ${timestamp(now - hours * hourMs)}
    order by created_at desc offset ${most - 1} limit 1)`;
  const { free_at } = await tx.one(typed<{ free_at: string | null }>()`
    select greatest(
      ${freeBy(bounds.addressHour, 1, ofAddress)},
      ${freeBy(bounds.addressDay, 24, ofAddress)},
      ${freeBy(bounds.ipHour, 1, sql.fragment`ip = ${ip}`)},
      ${freeBy(bounds.allHour, 1, sql.fragment`true`)}) as free_at`);
  return free_at === null ? null : Date.parse(free_at);
}

/**
 * Counts one try of the newest code of this purpose and address; the row, where that may still be tried. Of codes for
 * one address only the newest is any good.
 */
export async function takeTry(
  db: Transaction,
  which: { purpose: CodePurpose; email: string; user_id: string | null; now: number; triesMost: number },
): Promise<CodeRow | null> {
  const user = which.user_id === null ? sql.fragment`` : sql.fragment`and user_id = ${which.user_id}`;
  return db.maybeOne(typed<CodeRow>()`
    update email_tokens set tries = tries + 1
    where id = (
        select id from email_tokens
        where email = ${which.email}::citext and purpose = ${which.purpose} ${user}
        order by created_at desc, id desc limit 1)
      and used_at is null and expires_at > ${timestamp(which.now)} and tries < ${which.triesMost}
    returning ${columns}`);
}

/** True for one of all who use it at once. */
export async function markUsed(db: Transaction, id: string, now: number): Promise<boolean> {
  const used = await db.any(typed<object>()`
    update email_tokens set used_at = ${timestamp(now)} where id = ${id} and used_at is null returning 1`);
  return used.length > 0;
}

export async function findCode(db: Transaction, id: string): Promise<CodeRow | null> {
  return db.maybeOne(typed<CodeRow>()`select ${columns} from email_tokens where id = ${id}`);
}

export async function markSent(db: Transaction, id: string, now: number): Promise<void> {
  await db.query(sql.unsafe`update email_tokens set sent_at = ${timestamp(now)} where id = ${id}`);
}

/** Removes what no limit counts any more. */
export async function dropOldCodes(db: Transaction, now: number): Promise<void> {
  await db.query(sql.unsafe`delete from email_tokens where created_at < ${timestamp(now - dayMs)}`);
}

import { sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';

/** SQL on `idempotency_keys`. Times are milliseconds since 1970. */

export interface KeyPlace {
  user_id: string;
  key: string;
}

export interface KeptKey {
  same_body: boolean;
  status: number | null;
  answer: object | null;
}

const at = (ms: number) => sql.fragment`${new Date(ms).toISOString()}::timestamptz`;
const bytes = (base64: string) => sql.fragment`decode(${base64}, 'base64')`;

/**
 * Takes a key for a request that begins: true where it is new, has expired, or was taken by the same request, which
 * never ended. `bodyHash` in base64.
 */
export async function takeKey(
  db: Transaction,
  { user_id, key }: KeyPlace,
  bodyHash: string,
  times: { now: number; lockedUntil: number; expiresAt: number },
): Promise<boolean> {
  const now = at(times.now);
  const taken = await db.any(typed<object>()`
    insert into idempotency_keys as kept (user_id, key, body_hash, locked_until, expires_at)
    values (${user_id}, ${key}, ${bytes(bodyHash)}, ${at(times.lockedUntil)}, ${at(times.expiresAt)})
    on conflict (user_id, key) do update
    set body_hash = excluded.body_hash, status = null, answer = null,
      locked_until = excluded.locked_until, expires_at = excluded.expires_at
    where kept.expires_at <= ${now}
      or (kept.status is null and kept.locked_until <= ${now} and kept.body_hash = excluded.body_hash)
    returning 1`);
  return taken.length > 0;
}

export async function findKey(
  db: Transaction,
  { user_id, key }: KeyPlace,
  bodyHash: string,
): Promise<KeptKey | null> {
  return db.maybeOne(typed<KeptKey>()`
    select body_hash = ${bytes(bodyHash)} as same_body, status, answer from idempotency_keys
    where user_id = ${user_id} and key = ${key}`);
}

/** Keeps the answer of a request that has ended; the first one stays. */
export async function keepAnswer(
  db: Transaction,
  { user_id, key }: KeyPlace,
  bodyHash: string,
  status: number,
  answer: string,
): Promise<void> {
  await db.query(sql.unsafe`
    update idempotency_keys set status = ${status}, answer = ${answer}::json
    where user_id = ${user_id} and key = ${key} and body_hash = ${bytes(bodyHash)} and status is null`);
}

/** The request has no answer that would be kept: the next one with this key begins anew. */
export async function dropKey(db: Transaction, { user_id, key }: KeyPlace, bodyHash: string): Promise<void> {
  await db.query(sql.unsafe`
    delete from idempotency_keys
    where user_id = ${user_id} and key = ${key} and body_hash = ${bytes(bodyHash)} and status is null`);
}

/** Removes some of what has expired; more than one request can add. */
export async function dropExpired(db: Transaction, now: number, most: number): Promise<void> {
  await db.query(sql.unsafe`
    delete from idempotency_keys using (
      select user_id, key from idempotency_keys where expires_at <= ${at(now)}
      order by expires_at limit ${most} for update skip locked
    ) as old
    where idempotency_keys.user_id = old.user_id and idempotency_keys.key = old.key`);
}

/** The answers hold what the user has done: they end with the account. */
export async function eraseKeys(tx: Transaction, userId: string): Promise<void> {
  await tx.query(sql.unsafe`delete from idempotency_keys where user_id = ${userId}`);
}

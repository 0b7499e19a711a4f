import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import { timestamp } from './users.store.ts';

export async function wearsAvatar(db: Transaction, fileId: string): Promise<boolean> {
  return db.exists(typed<object>()`select 1 from users where avatar_id = ${fileId} and deleted_at is null`);
}

/** Gives the ids of those who wore it. */
export async function takeAvatarOff(
  db: Transaction,
  fileId: string,
  now: number,
): Promise<readonly string[]> {
  return db.anyFirst(typed<{ id: string }>()`
    update users set avatar_id = null, updated_at = ${timestamp(now)} where avatar_id = ${fileId} returning id`);
}

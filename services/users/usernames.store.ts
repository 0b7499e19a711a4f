import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import { timestamp } from './users.store.ts';

/**
 * SQL on `former_usernames`: names that were given up, which rest 30 days. A trigger on `users` keeps them, and
 * refuses a resting name to everybody but its last owner with the violation of `users_username_key`.
 */

const restDays = 30;

/** Names that this user gave up and that rest still, the oldest first. `freed_at`: ISO 8601. */
export async function restingNames(
  db: Transaction,
  userId: string,
  now: number,
): Promise<readonly { username: string; freed_at: string }[]> {
  return db.any(typed<{ username: string; freed_at: string }>()`
    select username::text, freed_at from former_usernames
    where user_id = ${userId} and freed_at > ${timestamp(now - restDays * 86_400_000)} order by freed_at`);
}

/** When a name that was freed then (ISO 8601) rests no more, in milliseconds since 1970. */
export function restsUntil(freedAt: string): number {
  return Date.parse(freedAt) + restDays * 86_400_000;
}

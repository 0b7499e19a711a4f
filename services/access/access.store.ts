import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { Role } from '../../schemas/roles.ts';

/** The role of a user whose login is live; `null` where it is not, or the user is banned or gone. `now` in ms. */
export async function roleOf(
  db: Transaction,
  { user_id, login_id, now }: { user_id: string; login_id: string; now: number },
): Promise<Role | null> {
  return db.maybeOneFirst(typed<{ role: Role }>()`
    select role from logins join users on users.id = logins.user_id
    where logins.id = ${login_id} and logins.user_id = ${user_id} and revoked_at is null
      and expires_at > ${new Date(now).toISOString()}::timestamptz and banned_at is null and deleted_at is null`);
}

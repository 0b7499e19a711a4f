import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { fail } from '../../schemas/errors.ts';
import { callerCredentials } from './account.store.ts';
import { callerOf, type UsersParts } from './parts.ts';

/** Milliseconds: so young must a login be that stands for the password which an account has not. */
const freshLoginMs = 10 * 60_000;

export interface Confirmed {
  user_id: string;
  login_id: string;
  password_hash: string | null;
}

/**
 * Before what a stolen access token must not be enough for: the caller's password, or where the account has none a
 * login of the last ten minutes. Throws `forbidden` (`password_required`, `password_wrong`, `login_too_old`),
 * `unauthenticated` (`login_revoked`), `rate_limited`.
 */
export async function confirmCaller(
  { db, clock, passwords }: Pick<UsersParts, 'db' | 'clock' | 'passwords'>,
  password: string | undefined,
  meta: CallMeta,
): Promise<Confirmed> {
  const { user_id, login_id } = callerOf(meta);
  const now = clock.now();
  const found = await storing(() => callerCredentials(db, { user_id, login_id, now }));
  if (found === null) throw fail('unauthenticated', { reason: 'login_revoked' });
  const { password_hash, opened_at } = found;
  if (password_hash === null) {
    if (now - Date.parse(opened_at) > freshLoginMs)
      throw fail('forbidden', {
        reason: 'login_too_old',
        detail: 'Log in again, and repeat it within 10 minutes',
      });
  } else if (password === undefined) {
    throw fail('forbidden', { reason: 'password_required', detail: 'This needs your password' });
  } else if (!(await passwords.matches(password, password_hash))) {
    const entry = { action: 'confirm_failed', detail: {}, actor_id: user_id, now, meta } as const;
    await storing(() => audit(db, entry));
    throw fail('forbidden', { reason: 'password_wrong', detail: 'The password is wrong' });
  }
  return { user_id, login_id, password_hash };
}

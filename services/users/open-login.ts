import type { CallMeta } from '../../ops/broker/call.ts';
import { storing, type Transaction } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { insertLogin, type LoginRow, type NewLogin } from './logins.store.ts';
import type { UsersParts } from './parts.ts';

/**
 * Opens a login, and says so in the audit log; `register` where the account has begun with it. Throws `forbidden`
 * (`banned`) where the user was banned or deleted meanwhile.
 */
export async function openLogin(
  tx: Transaction,
  login: NewLogin,
  action: 'register' | 'login',
  meta: CallMeta,
): Promise<LoginRow> {
  const { id: login_id, user_id, now } = login;
  const row = await insertLogin(tx, login);
  await audit(tx, { action, actor_id: user_id, detail: { login_id, way: 'password' }, now, meta });
  return row;
}

/** Somebody tried to log in. Written for an unknown name too: the time of the answer must not tell who is known. */
export async function noteFailedLogin(
  { db, clock }: UsersParts,
  user: { id: string } | null,
  reason: 'bad_credentials' | 'banned',
  meta: CallMeta,
): Promise<void> {
  const entry = { action: 'login_failed', actor_id: user?.id ?? null, detail: { reason } } as const;
  await storing(() => audit(db, { ...entry, now: clock.now(), meta }));
}

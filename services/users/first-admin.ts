import type { Transaction } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { findVerified, hasOtherAdmin, lockAdmins, lockManaged, setRole } from './administration.store.ts';
import type { UsersParts } from './parts.ts';
import type { UserRow } from './views.ts';

/** What an operator decides about admins: by the command line, or by ADMIN_EMAIL. An address that is only claimed is nobody's. */

/** `unknown`: nobody has verified this address. */
export type Granted = 'granted' | 'already' | 'banned' | 'unknown';

/** Makes the owner of this address an admin. Give it a transaction; `now` in milliseconds. */
export async function grantAdmin(
  tx: Transaction,
  email: string,
  by: 'operator' | 'setting',
  now: number,
): Promise<Granted> {
  await lockAdmins(tx);
  const found = await findVerified(tx, email);
  const user = found && (await lockManaged(tx, found.id));
  if (user === null) return 'unknown';
  if (user.banned_at !== null) return 'banned';
  if (user.role === 'admin') return 'already';
  await setRole(tx, user.id, 'admin');
  const target = { type: 'user', id: user.id } as const;
  await audit(tx, { action: 'admin_grant', detail: { by }, actor_id: null, target, now, meta: {} });
  return 'granted';
}

/**
 * The same for the address of ADMIN_EMAIL, where there is no admin yet. To be called at every start, in a
 * transaction.
 */
export async function grantFirstAdmin(tx: Transaction, adminEmail: string, now: number): Promise<boolean> {
  await lockAdmins(tx);
  if (await hasOtherAdmin(tx, null)) return false;
  return (await grantAdmin(tx, adminEmail, 'setting', now)) === 'granted';
}

/** To be called with whoever has just verified his address, in that transaction; gives him as he is then. */
export async function asVerified(
  { adminEmail, clock }: Pick<UsersParts, 'adminEmail' | 'clock'>,
  tx: Transaction,
  user: UserRow,
): Promise<UserRow> {
  if (adminEmail === undefined || user.email?.toLowerCase() !== adminEmail.toLowerCase()) return user;
  return (await grantFirstAdmin(tx, adminEmail, clock.now())) ? { ...user, role: 'admin' } : user;
}

import type { CallMeta } from '../../ops/broker/call.ts';
import { storing, type Transaction } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import type { AuditDetail } from '../../schemas/audit.ts';
import { newId } from '../../schemas/ids.ts';
import type { Tokens } from '../../schemas/rest/accounts.ts';
import { insertLogin } from './logins.store.ts';
import type { UsersParts } from './parts.ts';
import { refreshLifeMs, tokensAnswer } from './tokens-answer.ts';
import type { UserRow } from './views.ts';

/** Who comes in, and whether his account begins with it. */
export interface Entering {
  user: UserRow;
  action: 'register' | 'login';
}

/** How somebody has shown who he is; `register` where the account has begun with it. */
interface Entrance {
  action: 'register' | 'login';
  way: AuditDetail<'login'>['way'];
}

/**
 * Opens a login, one device's stay, for whoever has shown that he is this user, and says so in the audit log. Throws
 * `forbidden` (`banned`), also where the user was banned or deleted meanwhile.
 */
export async function openLogin(
  parts: UsersParts,
  tx: Transaction,
  user: UserRow,
  { action, way }: Entrance,
  meta: CallMeta,
): Promise<Tokens> {
  const now = parts.clock.now();
  const login = await insertLogin(tx, {
    id: newId(),
    user_id: user.id,
    device: meta.device ?? null,
    ip: meta.ip ?? null,
    now,
    expires_at: now + refreshLifeMs,
  });
  await audit(tx, { action, actor_id: user.id, detail: { login_id: login.id, way }, now, meta });
  return tokensAnswer(parts, user, login);
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

import type { CallMeta } from '../../ops/broker/call.ts';
import type { Transaction } from '../../ops/connections/postgres.ts';
import { fail } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import type { Tokens } from '../../schemas/rest/accounts.ts';
import { insertLogin } from './logins.store.ts';
import type { UsersParts } from './parts.ts';
import { refreshLifeMs, tokensAnswer } from './tokens-answer.ts';
import type { UserRow } from './views.ts';

/** Opens a login, one device's stay, for whoever has shown that he is this user. Throws `forbidden` (`banned`). */
export async function openLogin(
  parts: UsersParts,
  tx: Transaction,
  user: UserRow,
  { device, ip }: CallMeta,
): Promise<Tokens> {
  if (user.banned_at !== null) throw banned();
  const now = parts.clock.now();
  const login = await insertLogin(tx, {
    id: newId(),
    user_id: user.id,
    device: device ?? null,
    ip: ip ?? null,
    now,
    expires_at: now + refreshLifeMs,
  });
  return tokensAnswer(parts, user, login);
}

export function banned() {
  return fail('forbidden', { reason: 'banned', detail: 'This account is banned' });
}

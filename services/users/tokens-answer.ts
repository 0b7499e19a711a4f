import type { Tokens } from '../../schemas/rest/accounts.ts';
import type { LoginRow } from './logins.store.ts';
import type { UsersParts } from './parts.ts';
import type { UserRow } from './views.ts';

/** Milliseconds: a login lives this long after its last refresh. */
export const refreshLifeMs = 7 * 24 * 60 * 60 * 1000;

/**
 * What every way of logging in answers. The refresh token follows from the login alone, so a repeated
 * refresh gets the same one; the access token is signed anew (a signature of ES256 is never the same).
 */
export function tokensAnswer(
  { tokens, refreshTokens, clock, views }: UsersParts,
  user: UserRow,
  login: LoginRow,
): Tokens {
  const access = tokens.sign(user.id, login.id);
  const left = Date.parse(login.expires_at) - clock.now();
  return {
    access_token: access.token,
    token_type: 'Bearer',
    expires_in: access.expires_in,
    refresh_token: refreshTokens.make(login.id, login.generation),
    refresh_expires_in: Math.max(0, Math.round(left / 1000)),
    user: views.ownProfileOf(user),
  };
}

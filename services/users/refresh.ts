import type { CallMeta } from '../../ops/broker/call.ts';
import { storing, type Transaction } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { publishRevoked } from '../../ops/security/revoked-logins.ts';
import { fail } from '../../schemas/errors.ts';
import type { RefreshBody, Tokens } from '../../schemas/rest/accounts.ts';
import { banned, findLogin, type LoginRow, revokeLogins, rotateLogin } from './logins.store.ts';
import type { UsersParts } from './parts.ts';
import { refreshLifeMs, tokensAnswer } from './tokens-answer.ts';
import { findUser } from './users.store.ts';

/** Milliseconds in which a refresh may be repeated: an answer that was lost, two tabs at once. */
const repeatMs = 10_000;
const defaultLifeMs = 90 * 24 * 60 * 60_000;

/**
 * `refresh`: each refresh token works once. Using one again revokes the whole login, since either the
 * user or a thief holds a copy, unless it is the token just before the newest, less than 10 s after: that
 * repeat gets the same refresh token again. Who repeats is not asked; the token itself is the proof.
 */
export function refreshActions(parts: UsersParts) {
  const { db, bus, clock, refreshTokens, loginLifeMs: lifeMs = defaultLifeMs } = parts;

  async function answer(tx: Transaction, login: LoginRow): Promise<Tokens> {
    const user = await findUser(tx, login.user_id);
    if (user === null) throw invalid();
    return tokensAnswer(parts, user, login);
  }

  /** Why this generation could not be rotated, or the login whose newest token it may have again. */
  async function explain(id: string, generation: number, now: number, meta: CallMeta): Promise<LoginRow> {
    const login = await findLogin(db, id);
    if (login === null || login.revoked_at !== null) throw invalid();
    if (Date.parse(login.expires_at) <= now) throw expired();
    const user = await findUser(db, login.user_id);
    if (user === null) throw invalid();
    if (user.banned_at !== null) throw banned();
    // Not yet given out: the database is older than the token, and nothing was used twice.
    if (generation >= login.generation) throw invalid();
    const rotated = login.rotated_at === null ? 0 : Date.parse(login.rotated_at);
    if (generation === login.generation - 1 && now - rotated < repeatMs) return login;
    await revoke(login, now, meta);
    throw fail('unauthenticated', {
      reason: 'refresh_reused',
      detail: 'This refresh token was used before; the login is revoked',
    });
  }

  async function revoke({ id, user_id }: LoginRow, now: number, meta: CallMeta): Promise<void> {
    const login_ids = await db.transaction(async (tx) => {
      const ended = await revokeLogins(tx, { user_id, login_id: id, now });
      const target = { type: 'login', id } as const;
      if (ended.length > 0)
        await audit(tx, { action: 'refresh_reused', detail: {}, actor_id: user_id, target, now, meta });
      return ended;
    });
    await publishRevoked(bus, { user_id, login_ids });
  }

  return {
    /**
     * Throws `unauthenticated` (`refresh_invalid`, `refresh_expired`, `refresh_reused`), `forbidden`
     * (`banned`).
     */
    async refresh({ refresh_token }: RefreshBody, meta: CallMeta): Promise<Tokens> {
      const { login_id, generation } = refreshTokens.read(refresh_token);
      return storing(async () => {
        const now = clock.now();
        const next = { id: login_id, generation, now, expires_at: now + refreshLifeMs, lifeMs };
        // Rotated without an answer, a token that is tried again after ten seconds would end the login.
        const rotated = await db.transaction(async (tx) => {
          const login = await rotateLogin(tx, next);
          return login === null ? null : answer(tx, login);
        });
        return rotated ?? answer(db, await explain(login_id, generation, now, meta));
      });
    },
  };
}

function invalid() {
  return fail('unauthenticated', { reason: 'refresh_invalid', detail: 'The refresh token is not valid' });
}

function expired() {
  return fail('unauthenticated', { reason: 'refresh_expired', detail: 'The refresh token has expired' });
}

import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import { publishRevoked } from '../../ops/security/revoked-logins.ts';
import { fail } from '../../schemas/errors.ts';
import { isUuid } from '../../schemas/ids.ts';
import type { LoginList, Page } from '../../schemas/rest/accounts.ts';
import type { RevokedLogins } from '../../schemas/subjects.ts';
import { decodeCursor, paged } from './cursor.ts';
import { listLogins, revokedSince, revokeLogins } from './logins.store.ts';
import { callerOf, type UsersParts } from './parts.ts';

/** The user's devices: listing them, and ending one or all. */
export function loginActions({ db, bus, clock }: UsersParts) {
  /** First in SQL, then on the bus, then the answer: who is answered can rely on sockets and tokens being dead. */
  async function revoke(user_id: string, login_id?: string): Promise<string[]> {
    const which = { user_id, now: clock.now(), ...(login_id !== undefined && { login_id }) };
    const login_ids = await storing(() => revokeLogins(db, which));
    publishRevoked(bus, { user_id, login_ids });
    return login_ids;
  }

  return {
    /** Ends the login that asks. */
    async logout(_: object, meta: CallMeta): Promise<void> {
      const { user_id, login_id } = callerOf(meta);
      await revoke(user_id, login_id);
    },

    /** Ends every login of the caller, this one too. */
    async logout_all(_: object, meta: CallMeta): Promise<void> {
      await revoke(callerOf(meta).user_id);
    },

    /** Ends one login of the caller. Throws `not_found` for anybody else's, and for one that has ended. */
    async revoke_login({ id }: { id: string }, meta: CallMeta): Promise<void> {
      const { user_id } = callerOf(meta);
      const revoked = isUuid(id) ? await revoke(user_id, id) : [];
      if (revoked.length === 0) throw fail('not_found', { reason: 'no_login' });
    },

    /**
     * Logins revoked at or after `since` (milliseconds since 1970), by user: for gateways, which read no SQL. No
     * route leads here.
     */
    revoked({ since }: { since: number }): Promise<RevokedLogins[]> {
      return storing(() => revokedSince(db, since));
    },

    /** The caller's live logins, newest first. Throws `invalid` (`bad_cursor`). */
    async logins({ limit, cursor }: Page, meta: CallMeta): Promise<LoginList> {
      const { user_id, login_id } = callerOf(meta);
      const before = cursor === undefined ? undefined : decodeCursor(cursor).id;
      const now = clock.now();
      const rows = await storing(() => listLogins(db, { user_id, before, now, limit: limit + 1 }));
      return paged(
        rows,
        limit,
        ({ id }) => ({ rank: 0, id }),
        (row) => ({ ...row, current: row.id === login_id }),
      );
    },
  };
}

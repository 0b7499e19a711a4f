import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { publishRevoked } from '../../ops/security/revoked-logins.ts';
import type { AuditAct } from '../../schemas/audit.ts';
import { fail } from '../../schemas/errors.ts';
import { isUuid } from '../../schemas/ids.ts';
import type { LoginList, Page } from '../../schemas/rest/accounts.ts';
import type { RevokedLogins, RevokedPage } from '../../schemas/subjects.ts';
import { decodeCursor, paged } from './cursor.ts';
import { listLogins, revokedSince, revokeLogins } from './logins.store.ts';
import { callerOf, type UsersParts } from './parts.ts';

/** The user's devices: listing them, and ending one or all. */
export function loginActions(parts: UsersParts) {
  const { db, bus, clock } = parts;

  /** Ends these logins of the caller; nothing is told, nor kept, of those that had ended. */
  async function end(
    meta: CallMeta,
    which: { login_id?: string },
    tell: (login_ids: string[]) => AuditAct,
  ): Promise<string[]> {
    const { user_id } = callerOf(meta);
    const now = clock.now();
    const login_ids = await storing(() =>
      db.transaction(async (tx) => {
        const ended = await revokeLogins(tx, { user_id, now, ...which });
        if (ended.length > 0) await audit(tx, { ...tell(ended), actor_id: user_id, now, meta });
        return ended;
      }),
    );
    await publishRevoked(bus, { user_id, login_ids });
    return login_ids;
  }

  /**
   * First in SQL, then on the bus, then the answer: where the bus is there, who is answered can rely on sockets and
   * tokens being dead.
   */
  return {
    /** Ends the login that asks. */
    async logout(_: object, meta: CallMeta): Promise<void> {
      const { login_id } = callerOf(meta);
      const target = { type: 'login', id: login_id } as const;
      await end(meta, { login_id }, () => ({ action: 'logout', detail: {}, target }));
    },

    /** Ends every login of the caller, this one too. */
    async logout_all(_: object, meta: CallMeta): Promise<void> {
      await end(meta, {}, ({ length }) => ({ action: 'logout_all', detail: { logins: length } }));
    },

    /** Ends one login of the caller. Throws `not_found` for anybody else's, and for one that has ended. */
    async revoke_login({ id }: { id: string }, meta: CallMeta): Promise<void> {
      callerOf(meta);
      const target = { type: 'login', id } as const;
      const revoked = isUuid(id)
        ? await end(meta, { login_id: id }, () => ({ action: 'revoke_login', detail: {}, target }))
        : [];
      if (revoked.length === 0) throw fail('not_found', { reason: 'no_login' });
    },

    /**
     * Logins revoked at or after `since` (milliseconds since 1970), by user, in pages: for gateways, which read no
     * SQL. No route leads here. Gateways of older releases name no `limit`, and are given all.
     */
    revoked({ since, ...page }: { since: number } & RevokedPage): Promise<RevokedLogins[]> {
      return storing(() => revokedSince(db, since, page));
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

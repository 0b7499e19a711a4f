import type { CallMeta } from '../../ops/broker/call.ts';
import { storing, type Transaction } from '../../ops/connections/postgres.ts';
import type { Access, Acting } from '../../ops/security/access.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { publishRevoked } from '../../ops/security/revoked-logins.ts';
import type { AuditAct } from '../../schemas/audit.ts';
import { fail } from '../../schemas/errors.ts';
import { isUuid } from '../../schemas/ids.ts';
import type { Page } from '../../schemas/rest/accounts.ts';
import type { ManagedUser, ManagedUserList, RoleBody } from '../../schemas/rest/admin.ts';
import {
  findManaged,
  hasOtherAdmin,
  lockAdmins,
  lockManaged,
  setBanned,
  setRole,
} from './administration.store.ts';
import { decodeCursor, paged } from './cursor.ts';
import { revokeLogins } from './logins.store.ts';
import type { UsersParts } from './parts.ts';
import { createProfileCache } from './profile-cache.ts';

export type AdministrationParts = Pick<UsersParts, 'db' | 'bus' | 'clock' | 'profiles'> & { access: Access };

/**
 * What moderators and admins do to users, with the rights of services/access/policy.csv. Doing what is done already
 * changes nothing, and is answered in the same way.
 */
export function administrationActions({ db, bus, clock, profiles, access }: AdministrationParts) {
  const cache = createProfileCache(profiles);

  /** What a change makes of the user, and what to tell of it. */
  type Change = (tx: Transaction, user: ManagedUser, now: number) => Promise<Changed | undefined>;
  type Changed = { user: ManagedUser; act?: AuditAct; ended?: string[] };

  /** One change of one user, told in the audit log. Logins that it ends are dead before the answer. */
  async function change(
    id: string,
    acting: Acting,
    meta: CallMeta,
    { first, work }: { first?: (tx: Transaction) => Promise<void>; work: Change },
  ): Promise<ManagedUser> {
    if (!isUuid(id)) throw noUser();
    const now = clock.now();
    const { user, ended = [] } = await storing(() =>
      db.transaction(async (tx): Promise<Changed> => {
        await first?.(tx);
        const found = await lockManaged(tx, id);
        if (found === null) throw noUser();
        const { act, ...changed } = (await work(tx, found, now)) ?? { user: found };
        const told = { actor_id: acting.user_id, target: { type: 'user', id }, now, meta } as const;
        if (act !== undefined) await audit(tx, { ...act, ...told });
        return changed;
      }),
    ).finally(() => cache.drop(id));
    await publishRevoked(bus, { user_id: id, login_ids: ended });
    return user;
  }

  return {
    /** All users or those of whom a name holds `search`, newest first. Throws `invalid` (`bad_cursor`). */
    users: access.guard(
      'users',
      'list',
      async ({ search, limit, cursor }: Page & { search: string }): Promise<ManagedUserList> => {
        const before = cursor === undefined ? undefined : decodeCursor(cursor).id;
        const text = search.trim().replace(/^@/, '');
        const rows = await storing(() => findManaged(db, text, before, limit + 1));
        return paged(
          rows,
          limit,
          ({ id }) => ({ rank: 0, id }),
          (user) => user,
        );
      },
    ),

    /** Ends every login of the user at once, and lets nobody in as this user. Throws `not_found`, `forbidden`. */
    ban: access.guard('users', 'ban', ({ id }: { id: string }, acting, meta) =>
      change(id, acting, meta, {
        async work(tx, user, now) {
          acting.over(user.role);
          if (user.banned_at !== null) return undefined;
          const banned = await setBanned(tx, id, now);
          const ended = await revokeLogins(tx, { user_id: id, now });
          return { user: banned, ended, act: { action: 'ban', detail: { logins: ended.length } } };
        },
      }),
    ),

    /** The user may log in again. Throws `not_found`, `forbidden`. */
    unban: access.guard('users', 'unban', ({ id }: { id: string }, acting, meta) =>
      change(id, acting, meta, {
        async work(tx, user) {
          acting.over(user.role);
          if (user.banned_at === null) return undefined;
          return { user: await setBanned(tx, id, null), act: { action: 'unban', detail: {} } };
        },
      }),
    ),

    /**
     * Gives a role to somebody of a lower one. An admin may step down, as long as another one stays. Throws
     * `not_found`, `forbidden`, `conflict` (`last_admin`).
     */
    set_role: access.guard('users', 'set_role', ({ id, role }: RoleBody & { id: string }, acting, meta) =>
      change(id, acting, meta, {
        first: lockAdmins,
        async work(tx, user) {
          if (id === acting.user_id) acting.demand('own_role', 'set');
          else acting.over(user.role);
          if (user.role === role) return undefined;
          if (user.role === 'admin' && !(await hasOtherAdmin(tx, id))) throw lastAdmin();
          const changed = await setRole(tx, id, role);
          return { user: changed, act: { action: 'role_change', detail: { from: user.role, to: role } } };
        },
      }),
    ),
  };
}

export function lastAdmin() {
  return fail('conflict', { reason: 'last_admin', detail: 'There must be an admin: name another one first' });
}

function noUser() {
  return fail('not_found', { reason: 'no_user' });
}

import { type Database, storing } from '../../ops/connections/postgres.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { Access, Acting } from '../../ops/security/access.ts';
import { fail } from '../../schemas/errors.ts';
import type { Role } from '../../schemas/roles.ts';
import { roleOf } from './access.store.ts';
import type { Policy } from './policy.ts';

/**
 * The policy, asked about the caller's role as the database has it at this call: what a token or a gateway believes is
 * not asked, so a role that was taken away is gone with the next call, wherever it comes in. One query by keys for
 * each; such calls are rare.
 */
export function createAccess({ db, clock, policy }: { db: Database; clock: Clock; policy: Policy }): Access {
  function actingAs(user_id: string, login_id: string, role: Role, object: string, act: string): Acting {
    return {
      user_id,
      login_id,
      role,
      over(target) {
        if (policy.allows(role, object, act, target)) return;
        throw fail('forbidden', {
          reason: 'role_not_lower',
          detail: 'Nobody acts on an equal or higher role',
        });
      },
      demand(other, how) {
        if (!policy.allows(role, other, how)) throw notPermitted();
      },
    };
  }

  return {
    guard: (object, act, action) => async (params, meta) => {
      const { user_id, login_id } = meta;
      if (user_id === undefined || login_id === undefined) throw fail('unauthenticated');
      const role = await storing(() => roleOf(db, { user_id, login_id, now: clock.now() }));
      if (role === null) throw fail('unauthenticated', { reason: 'login_revoked' });
      if (!policy.allows(role, object, act)) throw notPermitted();
      return action(params, actingAs(user_id, login_id, role, object, act), meta);
    },
  };
}

function notPermitted() {
  return fail('forbidden', { reason: 'not_permitted', detail: 'This needs a higher role' });
}

import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { publishRevoked } from '../../ops/security/revoked-logins.ts';
import { fail } from '../../schemas/errors.ts';
import type { DeleteAccountBody, PasswordBody } from '../../schemas/rest/accounts.ts';
import { eraseUser, replacePassword } from './account.store.ts';
import { hasOtherAdmin, lockAdmins, lockManaged } from './administration.store.ts';
import { lastAdmin } from './administration.ts';
import { confirmCaller } from './confirm.ts';
import { eraseAddresses } from './emails.store.ts';
import { revokeLogins } from './logins.store.ts';
import type { UsersParts } from './parts.ts';
import { createProfileCache } from './profile-cache.ts';
import { eraseRelations } from './relations.store.ts';

/** What users do to their own accounts: another password, and their end. */
export function accountActions(parts: UsersParts) {
  const { db, bus, clock, passwords, profiles, erasers = [] } = parts;
  const cache = createProfileCache(profiles);

  return {
    /**
     * Another password; every other login ends. Throws what `confirmCaller` throws, `unprocessable` (`password_…`),
     * `conflict` (`changed`) where somebody else was faster.
     */
    async password({ current_password, new_password }: PasswordBody, meta: CallMeta): Promise<void> {
      const { user_id, login_id, password_hash: from } = await confirmCaller(parts, current_password, meta);
      const to = await passwords.hash(new_password);
      const now = clock.now();
      const login_ids = await storing(() =>
        db.transaction(async (tx) => {
          if (!(await replacePassword(tx, user_id, { from, to, now }))) throw changedMeanwhile();
          const ended = await revokeLogins(tx, { user_id, but: login_id, now });
          const detail = { logins: ended.length };
          await audit(tx, { action: 'password_change', detail, actor_id: user_id, now, meta });
          return ended;
        }),
      );
      await publishRevoked(bus, { user_id, login_ids });
    },

    /**
     * The end of the account: its logins end and what is personal is erased, here and wherever `erasers` reach, all in
     * one transaction. Messages stay, as those of a deleted account. Throws what `confirmCaller` throws, `conflict`
     * (`last_admin`).
     */
    async delete({ password }: DeleteAccountBody, meta: CallMeta): Promise<void> {
      const { user_id } = await confirmCaller(parts, password, meta);
      const now = clock.now();
      const login_ids = await storing(() =>
        db.transaction(async (tx) => {
          await lockAdmins(tx);
          const user = await lockManaged(tx, user_id);
          if (user === null) return [];
          if (user.role === 'admin' && !(await hasOtherAdmin(tx, user_id))) throw lastAdmin();
          const ended = await revokeLogins(tx, { user_id, now });
          for (const erase of erasers) await erase(tx, user_id);
          await eraseAddresses(tx, user_id);
          await eraseRelations(tx, user_id);
          await eraseUser(tx, user_id, now);
          const detail = { logins: ended.length };
          await audit(tx, { action: 'account_delete', detail, actor_id: user_id, now, meta });
          return ended;
        }),
      ).finally(() => cache.drop(user_id));
      await publishRevoked(bus, { user_id, login_ids });
    },
  };
}

function changedMeanwhile() {
  return fail('conflict', { reason: 'changed', detail: 'It was changed meanwhile: try again' });
}

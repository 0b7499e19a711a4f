import type { CallMeta } from '../../ops/broker/call.ts';
import { isUniqueViolation, storing } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { fail } from '../../schemas/errors.ts';
import type { Language } from '../../schemas/language.ts';
import type { ChangeEmailBody, CodeBody } from '../../schemas/rest/codes.ts';
import type { OwnProfile } from '../../schemas/user/profile.ts';
import { codeExpired } from './codes.ts';
import { confirmCaller } from './confirm.ts';
import { claimEmail, verifyClaim } from './emails.store.ts';
import { asVerified } from './first-admin.ts';
import { callerOf, type UsersParts } from './parts.ts';
import { createProfileCache } from './profile-cache.ts';
import { findUser } from './users.store.ts';

/** The caller's own address: claiming another one, and showing by a code that it is his. */
export function ownEmailActions(parts: UsersParts) {
  const { db, clock, codes } = parts;
  const cache = createProfileCache(parts.profiles);

  return {
    /**
     * Claims an address and has a code mailed to it; until the code comes back the address that was verified before
     * stays. Throws what `confirmCaller` throws, `rate_limited` (`too_many_codes`).
     */
    async change_email(
      { email, current_password, language }: ChangeEmailBody & { language: Language },
      meta: CallMeta,
    ): Promise<void> {
      const { user_id } = await confirmCaller(parts, current_password, meta);
      await storing(() =>
        db.transaction(async (tx) => {
          await codes.send(tx, { purpose: 'verify', email, user_id, language }, meta);
          await claimEmail(tx, user_id, email, clock.now());
        }),
      ).finally(() => cache.drop(user_id));
    },

    /**
     * The address that the caller claims becomes his. Throws `unprocessable` (`code_wrong`, `code_expired`),
     * `conflict` (`email_taken`) where somebody else was faster.
     */
    async verify_email({ code }: CodeBody, meta: CallMeta): Promise<OwnProfile> {
      const { user_id } = callerOf(meta);
      const user = await storing(() => findUser(db, user_id));
      const email = user?.pending_email;
      if (!email) throw codeExpired();
      const id = await codes.check({ purpose: 'verify', email, user_id, code });
      const row = await storing(() =>
        db.transaction(async (tx) => {
          await codes.use(tx, id);
          const now = clock.now();
          const claimed = await verifyClaim(tx, user_id, email, now);
          if (claimed === null) return null;
          await audit(tx, { action: 'email_change', detail: {}, actor_id: user_id, now, meta });
          return asVerified(parts, tx, claimed);
        }),
      )
        .catch((error: unknown) => {
          throw isUniqueViolation(error, 'users_email_key') ? emailTaken() : error;
        })
        .finally(() => cache.drop(user_id));
      if (row === null) throw codeExpired();
      return parts.views.ownProfileOf(row);
    },
  };
}

/** Told only to who has shown that the mailbox is his. */
export function emailTaken() {
  return fail('conflict', { reason: 'email_taken', detail: 'This mail address belongs to another account' });
}

import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { publishRevoked } from '../../ops/security/revoked-logins.ts';
import type { Language } from '../../schemas/language.ts';
import type { EmailBody, ResetBody } from '../../schemas/rest/codes.ts';
import { replacePassword } from './account.store.ts';
import { codeExpired } from './codes.ts';
import { findUserByEmail } from './emails.store.ts';
import { revokeLogins } from './logins.store.ts';
import type { UsersParts } from './parts.ts';

/** A new password for who can read the mail of his verified address. */
export function passwordResetActions({ db, bus, clock, codes, passwords }: UsersParts) {
  return {
    /** The same for every address: who has it is looked up later, by the mail. Throws `rate_limited`. */
    async forgot_password(
      { email, language }: EmailBody & { language: Language },
      meta: CallMeta,
    ): Promise<void> {
      await storing(() =>
        db.transaction(
          async (tx) => void (await codes.send(tx, { purpose: 'reset', email, language }, meta)),
        ),
      );
    },

    /** Ends every login of the user. Throws `unprocessable` (`code_wrong`, `code_expired`, `password_…`). */
    async reset_password({ email, code, new_password }: ResetBody, meta: CallMeta): Promise<void> {
      const id = await codes.check({ purpose: 'reset', email, code });
      const hash = await passwords.hash(new_password);
      const revoked = await storing(() =>
        db.transaction(async (tx) => {
          const user = await findUserByEmail(tx, email);
          if (user === null) throw codeExpired();
          await codes.use(tx, id);
          const now = clock.now();
          await replacePassword(tx, user.id, { to: hash, now });
          const login_ids = await revokeLogins(tx, { user_id: user.id, now });
          const detail = { logins: login_ids.length };
          await audit(tx, { action: 'password_reset', detail, actor_id: user.id, now, meta });
          return { user_id: user.id, login_ids };
        }),
      );
      await publishRevoked(bus, revoked);
    },
  };
}

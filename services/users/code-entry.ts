import type { CallMeta } from '../../ops/broker/call.ts';
import { isUniqueViolation, storing, type Transaction } from '../../ops/connections/postgres.ts';
import { newId } from '../../schemas/ids.ts';
import type { Language } from '../../schemas/language.ts';
import type { Tokens } from '../../schemas/rest/accounts.ts';
import type { EmailBody, EmailCodeBody, PendingRegisterBody } from '../../schemas/rest/codes.ts';
import { codeExpired, codeLifeMs } from './codes.ts';
import {
  findUserByEmail,
  insertNumberedUser,
  insertVerifiedUser,
  keepEmailIdentity,
} from './emails.store.ts';
import { asVerified } from './first-admin.ts';
import { type Entering, openLogin } from './open-login.ts';
import { emailTaken } from './own-email.ts';
import type { UsersParts } from './parts.ts';
import { isReserved, usernameReserved, usernameTaken } from './usernames.ts';
import { isUsernameTaken } from './users.store.ts';
import type { UserRow } from './views.ts';

/** A registration that waits for its code. */
interface Pending {
  username: string;
  name: string;
  password_hash: string;
}

const keyOf = (codeId: string) => `register:${codeId}`;

/** How a user comes in who can read his mail: registering in two steps, and logging in without a password. */
export function codeEntryActions(parts: UsersParts) {
  const { db, clock, codes, ephemeral, passwords } = parts;

  return {
    /**
     * Keeps the registration for 10 minutes and mails its code. The same for every address. Throws `conflict`
     * (`username_taken`), `unprocessable` (`username_reserved`, `password_…`), `rate_limited`.
     */
    async begin_register(
      { email, username, name, password, language }: PendingRegisterBody & { language: Language },
      meta: CallMeta,
    ): Promise<void> {
      if (isReserved(username)) throw usernameReserved();
      if (await storing(() => isUsernameTaken(db, username))) throw usernameTaken();
      const pending: Pending = { username, name, password_hash: await passwords.hash(password) };
      await storing(() =>
        db.transaction(async (tx) => {
          const id = await codes.send(tx, { purpose: 'register', email, language }, meta);
          await ephemeral.set(keyOf(id), JSON.stringify(pending), codeLifeMs);
        }),
      );
    },

    /**
     * Makes the account that waits for this code. Throws `unprocessable` (`code_wrong`, `code_expired`), `conflict`
     * (`username_taken`, `email_taken`) where somebody was faster.
     */
    async end_register({ email, code }: EmailCodeBody, meta: CallMeta): Promise<Tokens> {
      const codeId = await codes.check({ purpose: 'register', email, code });
      const kept = await ephemeral.get(keyOf(codeId));
      if (kept === undefined) throw codeExpired();
      const pending = JSON.parse(kept) as Pending;
      const tokens = await enter(async (tx) => {
        await codes.use(tx, codeId);
        return begun(
          tx,
          await insertVerifiedUser(tx, { id: newId(), email, ...pending }, clock.now()),
          email,
        );
      }, meta);
      await ephemeral.delete(keyOf(codeId)).catch(() => {});
      return tokens;
    },

    /** The same for every address. Throws `rate_limited` (`too_many_codes`). */
    async request_code(
      { email, language }: EmailBody & { language: Language },
      meta: CallMeta,
    ): Promise<void> {
      await storing(() =>
        db.transaction(
          async (tx) => void (await codes.send(tx, { purpose: 'login', email, language }, meta)),
        ),
      );
    },

    /**
     * Logs in whoever has verified the address; where nobody has, a new user has now. Throws `unprocessable`
     * (`code_wrong`, `code_expired`), `forbidden` (`banned`).
     */
    async login_by_code({ email, code }: EmailCodeBody, meta: CallMeta): Promise<Tokens> {
      const codeId = await codes.check({ purpose: 'login', email, code });
      return enter(async (tx) => {
        await codes.use(tx, codeId);
        const known = await findUserByEmail(tx, email);
        if (known !== null) return { user: known, action: 'login' };
        return begun(tx, await insertNumberedUser(tx, { id: newId(), email }, clock.now()), email);
      }, meta);
    },
  };

  /** An account that begins with a verified address. */
  async function begun(tx: Transaction, user: UserRow, email: string): Promise<Entering> {
    await keepEmailIdentity(tx, user.id, email, clock.now());
    return { user: await asVerified(parts, tx, user), action: 'register' };
  }

  /** One transaction: the code is used up, the user is there, and he is in; or nothing of it. */
  async function enter(find: (tx: Transaction) => Promise<Entering>, meta: CallMeta): Promise<Tokens> {
    return storing(() =>
      db.transaction(async (tx) => {
        const { user, action } = await find(tx);
        return openLogin(parts, tx, user, { action, way: 'code' }, meta);
      }),
    ).catch((error: unknown) => {
      if (isUniqueViolation(error, 'users_username_key')) throw usernameTaken();
      throw isUniqueViolation(error, 'users_email_key') ? emailTaken() : error;
    });
  }
}

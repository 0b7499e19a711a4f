import type { CallMeta } from '../../ops/broker/call.ts';
import { isUniqueViolation, storing } from '../../ops/connections/postgres.ts';
import { fail } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import type { Language } from '../../schemas/language.ts';
import type { LoginBody, RegisterBody, Tokens } from '../../schemas/rest/accounts.ts';
import { insertNumberedUser } from './emails.store.ts';
import { noteFailedLogin, openLogin } from './open-login.ts';
import type { UsersParts } from './parts.ts';
import { isReserved, usernameReserved, usernameTaken } from './usernames.ts';
import {
  type Credentials,
  credentialsByEmail,
  credentialsByUsername,
  insertUser,
  isUsernameTaken,
} from './users.store.ts';

/** How a user comes in: `register` and `login`. Both open a login, one device's stay. */
export function entryActions(parts: UsersParts) {
  const { db, clock, codes, passwords } = parts;

  return {
    /**
     * The new account's tokens. Throws `conflict` (`username_taken`), `unprocessable`
     * (`username_reserved`, `password_…`), `rate_limited`. The address is only noted as a claim and
     * never looked up, so neither answer nor timing tells whether anybody has it: the mail finds that out, later.
     */
    async register(params: RegisterBody & { language?: Language }, meta: CallMeta): Promise<Tokens> {
      const { username, email, language = 'en' } = params;
      if (isReserved(username)) throw usernameReserved();
      // Asked first because it is cheap; the unique index has the last word.
      if (await storing(() => isUsernameTaken(db, username))) throw usernameTaken();
      const user = {
        id: newId(),
        pending_email: email,
        username,
        password_hash: await passwords.hash(params.password),
        first_name: params.first_name ?? null,
        last_name: params.last_name ?? null,
      };
      return storing(() =>
        db.transaction(async (tx) => {
          const row = await insertUser(tx, user, clock.now());
          await codes.sendIfAllowed(tx, { purpose: 'verify', email, user_id: row.id, language }, meta);
          return openLogin(parts, tx, row, { action: 'register', way: 'password' }, meta);
        }),
      ).catch((error: unknown) => {
        throw isUniqueViolation(error, 'users_username_key') ? usernameTaken() : error;
      });
    },

    /** As `register`, for who gives no username: he is called `user<number>`. */
    async register_numbered(
      { email, password, language = 'en' }: { email: string; password: string; language?: Language },
      meta: CallMeta,
    ): Promise<Tokens> {
      const password_hash = await passwords.hash(password);
      return storing(() =>
        db.transaction(async (tx) => {
          const user = { id: newId(), email: null, pending_email: email, password_hash };
          const row = await insertNumberedUser(tx, user, clock.now());
          await codes.sendIfAllowed(tx, { purpose: 'verify', email, user_id: row.id, language }, meta);
          return openLogin(parts, tx, row, { action: 'register', way: 'password' }, meta);
        }),
      );
    },

    /**
     * Throws the same `unauthenticated` (`bad_credentials`), after the same work, for a wrong password,
     * an unknown user, one without a password, and an address that several claim; `forbidden`
     * (`banned`) only to who knows the password; `rate_limited` when too many wait.
     */
    async login(params: LoginBody, meta: CallMeta): Promise<Tokens> {
      const found = await storing(() => credentials(params));
      const same = await passwords.matches(params.password, found?.password_hash ?? null);
      const refused = !same || found === null ? 'bad_credentials' : found.banned_at !== null && 'banned';
      if (refused) await noteFailedLogin(parts, found, refused, meta);
      if (!same || found === null)
        throw fail('unauthenticated', {
          reason: 'bad_credentials',
          detail: 'The name or the password is wrong',
        });
      return storing(() =>
        db.transaction((tx) => openLogin(parts, tx, found, { action: 'login', way: 'password' }, meta)),
      );
    },
  };

  async function credentials({ login, username, email }: LoginBody): Promise<Credentials | null> {
    const name = username ?? login ?? '';
    const address = email ?? (login?.includes('@') ? login : undefined);
    return address === undefined ? credentialsByUsername(db, name) : credentialsByEmail(db, address);
  }
}

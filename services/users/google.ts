import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CallMeta } from '../../ops/broker/call.ts';
import { isUniqueViolation, storing, type Transaction } from '../../ops/connections/postgres.ts';
import { audit } from '../../ops/security/audit-log.ts';
import { fail } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import type { Tokens } from '../../schemas/rest/accounts.ts';
import type { GoogleEnd, GoogleStart } from '../../schemas/rest/google.ts';
import { findUserByEmail, insertNumberedUser, keepEmailIdentity } from './emails.store.ts';
import { asVerified } from './first-admin.ts';
import { type GooglePerson, type GoogleTrip, refused } from './google-client.ts';
import { findIdentity, insertIdentity } from './identities.store.ts';
import { type Entering, openLogin } from './open-login.ts';
import type { UsersParts } from './parts.ts';
import { findUser } from './users.store.ts';

/** Milliseconds in which somebody must be back from Google, and in which a code must be exchanged. */
const tripMs = 10 * 60_000;
const codeMs = 60_000;

interface KeptTrip extends GoogleTrip {
  /** Hash of the cookie of the browser that began. */
  browser: string;
  return_to: string | null;
  /** Go back there with a whole session in the fragment, as supabase-js reads it, and not with a code. */
  session: boolean;
}

/** What a code stands for until it is exchanged. */
interface WaitingEntrance {
  user_id: string;
  action: Entering['action'];
}

const hash = (text: string) => createHash('sha256').update(text).digest('base64url');
const tripKey = (state: string) => `google:${hash(state)}`;
const codeKey = (code: string) => `google-entrance:${hash(code)}`;

/** Coming in with an account at Google. */
export function googleActions(parts: UsersParts) {
  const { db, clock, ephemeral, google } = parts;

  return {
    /** Throws `not_found` (`google_off`), `invalid` (`return_to_unknown`), `unavailable` (`google_away`). */
    async google_begin({
      return_to,
      session = false,
    }: {
      return_to?: string;
      session?: boolean;
    }): Promise<GoogleStart> {
      if (google === undefined) throw off();
      if (return_to !== undefined && !google.returnTo.includes(return_to))
        throw fail('invalid', { reason: 'return_to_unknown', detail: 'Nobody may be sent there' });
      const { url, trip } = await google.client.begin();
      const browser = randomBytes(32).toString('base64url');
      const kept: KeptTrip = { ...trip, browser: hash(browser), return_to: return_to ?? null, session };
      await ephemeral.set(tripKey(trip.state), JSON.stringify(kept), tripMs);
      return { url, browser };
    },

    /**
     * `query` as it came back, `browser` from the cookie. The tokens, or where to go on with a code for them. Throws
     * `unauthenticated` (`google_state`, `google_refused`), `forbidden` (`banned`).
     */
    async google_end(
      { query, browser }: { query: string; browser: string },
      meta: CallMeta,
    ): Promise<GoogleEnd> {
      if (google === undefined) throw off();
      const given = new URLSearchParams(query).get('state') ?? '';
      const kept = await ephemeral.take(tripKey(given));
      if (kept === undefined) throw wrongState();
      const trip = JSON.parse(kept) as KeptTrip;
      if (!timingSafeEqual(Buffer.from(hash(browser)), Buffer.from(trip.browser))) throw wrongState();
      const person = await google.client.end(query, trip);
      if (trip.return_to === null) return { tokens: await once((tx) => enter(tx, person, meta)) };
      if (trip.session) {
        const tokens = await once((tx) => enter(tx, person, meta));
        return { location: `${trip.return_to}#${fragmentOf(tokens)}` };
      }
      const { user, action } = await once((tx) => userOf(tx, person, meta));
      const code = randomBytes(32).toString('base64url');
      const waiting: WaitingEntrance = { user_id: user.id, action };
      await ephemeral.set(codeKey(code), JSON.stringify(waiting), codeMs);
      return { location: `${trip.return_to}#code=${code}` };
    },

    /** Throws `unauthenticated` (`google_code`), `forbidden` (`banned`). */
    async google_exchange({ code }: { code: string }, meta: CallMeta): Promise<Tokens> {
      const kept = await ephemeral.take(codeKey(code));
      const waiting = kept === undefined ? undefined : (JSON.parse(kept) as WaitingEntrance);
      const user = waiting === undefined ? null : await storing(() => findUser(db, waiting.user_id));
      if (waiting === undefined || user === null)
        throw fail('unauthenticated', { reason: 'google_code', detail: 'This code was used, or is too old' });
      const entrance = { action: waiting.action, way: 'google' } as const;
      return storing(() => db.transaction((tx) => openLogin(parts, tx, user, entrance, meta)));
    },
  };

  async function enter(tx: Transaction, person: GooglePerson, meta: CallMeta): Promise<Tokens> {
    const { user, action } = await userOf(tx, person, meta);
    return openLogin(parts, tx, user, { action, way: 'google' }, meta);
  }

  /** Two who come at once with one identity: the second finds what the first has made. */
  async function once<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const run = () => storing(() => db.transaction(work));
    return run().catch((error: unknown) => {
      if (isUniqueViolation(error)) return run();
      throw error;
    });
  }

  /**
   * By issuer and subject, which never change. Who is new joins the account that has verified the same address, if
   * Google has verified it too; a mere claim of either side joins nothing.
   */
  async function userOf(tx: Transaction, person: GooglePerson, meta: CallMeta): Promise<Entering> {
    const { issuer, subject, emailVerified } = person;
    const known = await findIdentity(tx, { provider: 'google', issuer, subject });
    if (known !== null) {
      const user = await findUser(tx, known);
      if (user === null) throw refused();
      return { user, action: 'login' };
    }
    const now = clock.now();
    const email = emailVerified && isAddress(person.email) ? person.email : null;
    const owner = email === null ? null : await findUserByEmail(tx, email);
    const display_name = nameOf(person);
    const user = owner ?? (await insertNumberedUser(tx, { id: newId(), email, display_name }, now));
    await insertIdentity(tx, {
      user_id: user.id,
      provider: 'google',
      issuer,
      subject,
      email_verified: emailVerified,
      now,
    });
    if (owner !== null) {
      const detail = { provider: 'google' } as const;
      await audit(tx, { action: 'identity_link', actor_id: user.id, detail, now, meta });
      return { user, action: 'login' };
    }
    if (email === null) return { user, action: 'register' };
    await keepEmailIdentity(tx, user.id, email, now);
    return { user: await asVerified(parts, tx, user), action: 'register' };
  }
}

function fragmentOf({ access_token, refresh_token, expires_in }: Tokens): string {
  const fields = { access_token, expires_in: String(expires_in), refresh_token, token_type: 'bearer' };
  return new URLSearchParams(fields).toString();
}

const longestAddress = 254;

function isAddress(email: string | undefined): email is string {
  return (
    email !== undefined && email.length <= longestAddress && /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u.test(email)
  );
}

/** What the profile takes as a name, or nothing. */
function nameOf({ name }: GooglePerson): string | null {
  const clean = name?.replaceAll(/\p{Cc}/gu, '').trim() ?? '';
  return clean === '' || !clean.isWellFormed() ? null : [...clean].slice(0, 64).join('');
}

function off() {
  return fail('not_found', { reason: 'google_off', detail: 'Google sign-in is not set up here' });
}

function wrongState() {
  return fail('unauthenticated', {
    reason: 'google_state',
    detail: 'This did not begin here, in this browser, within the last 10 minutes; begin again',
  });
}

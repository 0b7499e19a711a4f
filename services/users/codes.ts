import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { CallMeta } from '../../ops/broker/call.ts';
import type { CodeRates } from '../../ops/config/rates.ts';
import { type Database, storing, type Transaction } from '../../ops/connections/postgres.ts';
import { addJob } from '../../ops/jobs/jobs.store.ts';
import type { Clock } from '../../ops/process/clock.ts';
import { fail } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import type { Language } from '../../schemas/language.ts';
import { codeLifeS } from '../../schemas/rest/codes.ts';
import { codeMailJob } from './code-mail-job.ts';
import { type CodePurpose, insertCode, markUsed, takeTry, whenFree } from './codes.store.ts';

/** Milliseconds for which a code is good. */
export const codeLifeMs = codeLifeS * 1000;
const triesMost = 5;

export interface CodesParts {
  db: Database;
  clock: Clock;
  /** At least 32 bytes, the same in all processes. */
  secret: string;
  rates: CodeRates;
}

export interface Wanted {
  purpose: CodePurpose;
  email: string;
  user_id?: string;
  language: Language;
}

/**
 * Codes of six digits by mail: good for 10 minutes, once, for one purpose and address, and for five tries. A code is
 * an HMAC over the id of its row, made again where it is mailed and where it is tried, so nobody who reads the
 * database can use one. Who asks for a code is never looked up among the users: that is the mail's job, later.
 */
export interface Codes {
  /**
   * Writes a code down and has it mailed, in the caller's transaction; gives its id. Throws `rate_limited`
   * (`too_many_codes`, and when there may be another), alike for all addresses.
   */
  send(tx: Transaction, wanted: Wanted, meta: CallMeta): Promise<string>;
  /** The same, but where there were too many: then nothing is mailed. */
  sendIfAllowed(tx: Transaction, wanted: Wanted, meta: CallMeta): Promise<void>;
  /** The six digits of a row. */
  digits(row: { id: string; purpose: CodePurpose; email: string }): string;
  /**
   * The id of the code that was given. Throws `unprocessable`: `code_wrong`, or `code_expired` where there is none
   * that could be right. Every try is counted before it is judged.
   */
  check(given: { purpose: CodePurpose; email: string; user_id?: string; code: string }): Promise<string>;
  /** Uses a checked code up, in the transaction of what it allows. Throws `unprocessable` (`code_expired`). */
  use(tx: Transaction, id: string): Promise<void>;
}

export function createCodes({ db, clock, secret, rates }: CodesParts): Codes {
  const key = createHmac('sha256', secret).update('suhbat mail codes').digest();

  /** For how many milliseconds there are too many codes still; 0: one may be written. */
  async function waitMs(tx: Transaction, email: string, { ip }: CallMeta): Promise<number> {
    const now = clock.now();
    const { perAddress, perIp, all } = rates;
    const bounds = { addressHour: perAddress, addressDay: 4 * perAddress, ipHour: perIp, allHour: all };
    const free = await whenFree(tx, { email, ip: ip ?? null, now, bounds });
    return free === null ? 0 : free - now;
  }

  async function write(tx: Transaction, wanted: Wanted, { ip }: CallMeta): Promise<string> {
    const { purpose, email, user_id = null, language } = wanted;
    const now = clock.now();
    const id = newId();
    await insertCode(tx, { id, purpose, email, user_id, ip: ip ?? null, now, expires_at: now + codeLifeMs });
    // The newest is the only one that is good, so only that is mailed. The key tells nobody the address.
    const address = createHash('sha256').update(email.toLowerCase()).digest('base64url');
    await addJob(tx, codeMailJob, { id, language }, { key: `code ${purpose} ${address}` });
    return id;
  }

  function digits({ id, purpose, email }: { id: string; purpose: CodePurpose; email: string }): string {
    const mac = createHmac('sha256', key).update(`${id} ${purpose} ${email.toLowerCase()}`).digest();
    return String(mac.readUIntBE(0, 6) % 1_000_000).padStart(6, '0');
  }

  return {
    async send(tx, wanted, meta) {
      const retry_after_ms = await waitMs(tx, wanted.email, meta);
      if (retry_after_ms > 0) throw fail('rate_limited', { reason: 'too_many_codes', retry_after_ms });
      return write(tx, wanted, meta);
    },
    async sendIfAllowed(tx, wanted, meta) {
      if ((await waitMs(tx, wanted.email, meta)) === 0) await write(tx, wanted, meta);
    },
    digits,
    async check({ purpose, email, user_id = null, code }) {
      const which = { purpose, email, user_id, now: clock.now(), triesMost };
      const row = await storing(() => takeTry(db, which));
      if (row === null) throw codeExpired();
      if (!timingSafeEqual(Buffer.from(digits(row)), Buffer.from(code))) throw codeWrong();
      return row.id;
    },
    async use(tx, id) {
      if (!(await markUsed(tx, id, clock.now()))) throw codeExpired();
    },
  };
}

function codeWrong() {
  return fail('unprocessable', { reason: 'code_wrong', detail: 'This is not the code that was mailed' });
}

export function codeExpired() {
  return fail('unprocessable', {
    reason: 'code_expired',
    detail: 'There is no code that could be right: it was used, tried too often, or is too old',
  });
}

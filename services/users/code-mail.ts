import Type from 'typebox';
import type { Database } from '../../ops/connections/postgres.ts';
import { defineJob, handleJob, type JobHandler, type TimedJob } from '../../ops/jobs/kind.ts';
import type { Mailer } from '../../ops/mail/mailer.ts';
import type { Clock } from '../../ops/process/clock.ts';
import { type Language, languageNamed } from '../../schemas/language.ts';
import { codeMailJob } from './code-mail-job.ts';
import { type CodeRow, dropOldCodes, findCode, markSent } from './codes.store.ts';
import type { Codes } from './codes.ts';
import { findUserByEmail } from './emails.store.ts';
import { codeMail, type MailText, takenMail } from './mails/mails.ts';
import type { UserRow } from './views.ts';

export interface CodeMailParts {
  db: Database;
  clock: Clock;
  codes: Codes;
  mailer: Mailer;
}

/**
 * Decides what goes to an address for which a code was asked, and sends it. Only here is looked up whether somebody
 * has verified the address: whoever asked got his answer long ago, so neither that nor its timing can tell.
 */
export function codeMailHandler({ db, clock, codes, mailer }: CodeMailParts): JobHandler {
  return handleJob(codeMailJob, async ({ id, language }) => {
    const row = await findCode(db, id);
    if (row === null || row.sent_at !== null || row.used_at !== null) return;
    if (Date.parse(row.expires_at) <= clock.now()) return;
    const owner = await findUserByEmail(db, row.email);
    const text = contentOf(
      row,
      owner,
      languageNamed((owner?.settings as Settings | undefined)?.language) ?? language,
      codes,
    );
    if (text !== undefined) await mailer.send({ id, to: row.email, ...text });
    await markSent(db, id, clock.now());
  });
}

function contentOf(
  row: CodeRow,
  owner: UserRow | null,
  language: Language,
  codes: Codes,
): MailText | undefined {
  const others = owner !== null && owner.id !== row.user_id;
  if ((row.purpose === 'verify' || row.purpose === 'register') && others) return takenMail(language);
  // Nobody's password: who asked is told the same as the owner would be, and nothing is mailed.
  if (row.purpose === 'reset' && owner === null) return undefined;
  return codeMail(language, row.purpose, codes.digits(row));
}

/** Whatever clients keep there; ours keeps the language that its user chose. */
type Settings = Record<string, unknown>;

const cleanJob = defineJob('codes.clean', Type.Object({}, { additionalProperties: false }));

/** Old codes go every hour. */
export function cleanCodes({ db, clock }: Pick<CodeMailParts, 'db' | 'clock'>): TimedJob {
  return { handler: handleJob(cleanJob, () => dropOldCodes(db, clock.now())), at: '23 * * * *' };
}

import { startJobWorker } from '../../../ops/jobs/worker.ts';
import { createSmtpMailer } from '../../../ops/mail/smtp-mailer.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { codeMailHandler } from '../../../services/users/code-mail.ts';
import { eventually } from '../../support/eventually.ts';
import { codeOf, type Received, startMailServer } from '../../support/mail-server.ts';
import { startAccounts } from './support.ts';

/** The users service with the job queue and a real mail server behind it. */
export async function startMailedAccounts(rates?: Parameters<typeof startAccounts>[0]) {
  const accounts = await startAccounts(rates);
  const { db, clock, codes, url } = accounts;
  const server = await startMailServer();
  const mailer = createSmtpMailer({ url: server.url, from: 'Suhbat <noreply@suhbat.example>' });
  const { pino } = await import('pino');
  const worker = startJobWorker({
    url,
    db,
    handlers: [codeMailHandler({ db, clock, codes, mailer })],
    timetable: [],
    concurrency: 2,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    pollMs: 100,
    graceMs: 300,
  });

  /** The mails to this address, when there are so many. */
  async function mailsTo(address: string, count = 1): Promise<Received[]> {
    const same = (one: string) => one.toLowerCase() === address.toLowerCase();
    const found = () => server.mails.filter(({ to }) => to.some(same));
    await eventually(() => found().length >= count || `${found().length} of ${count} mails`);
    return found();
  }

  return {
    ...accounts,
    server,
    mailer,
    mailsTo,
    /** The code that the newest mail to this address brought. */
    async codeFor(address: string, count = 1): Promise<string> {
      return codeOf((await mailsTo(address, count)).at(-1) as Received);
    },
    async stop() {
      await worker.stop();
      await mailer.close();
      await server.stop();
      await accounts.stop();
    },
  };
}

export type MailedAccounts = Awaited<ReturnType<typeof startMailedAccounts>>;

let addresses = 0;

export function freshAddress(): string {
  return `person${++addresses}@example.com`;
}

/** Another one of six digits. */
export function wrong(code: string): string {
  return String((Number(code) + 1) % 1_000_000).padStart(6, '0');
}

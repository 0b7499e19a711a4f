import { join } from 'node:path';
import { createFileMailer } from '../mail/file-mailer.ts';
import type { Mailer } from '../mail/mailer.ts';
import { createSmtpMailer } from '../mail/smtp-mailer.ts';
import { namespaced } from '../telemetry/logger.ts';
import type { Process } from './process.ts';

/** How mails leave: over SMTP, or as files of the data folder. */
export function openMailer({ life, config, clock, logger }: Process): Promise<Mailer> {
  const log = namespaced(logger, 'mail');
  const { smtpUrl: url, mailFrom: from } = config;
  return life.part(
    'mail',
    () => {
      if (url !== undefined) return createSmtpMailer({ url, from });
      const dir = join(config.dataDir, 'mail');
      if (config.natsUrl !== undefined) log.warn({ dir }, 'SMTP_URL is not set: mails stay on this machine');
      return createFileMailer({
        dir,
        from,
        clock,
        onMail: (path) => log.info({ path }, 'a mail was written'),
      });
    },
    (mailer) => mailer.close(),
  );
}

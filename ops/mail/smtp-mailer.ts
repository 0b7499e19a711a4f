import { createTransport } from 'nodemailer';
import { type Mailer, messageOf, refuseUnfit } from './mailer.ts';

export interface SmtpOptions {
  /** `smtp://` (STARTTLS where the server has it) or `smtps://`, with user and password where it asks for them. */
  url: string;
  /** `Suhbat <noreply@chat.example>` */
  from: string;
}

/** Connections to the server that are open at most. */
const connections = 2;

/** Over SMTP. While the server is away each `send` throws within seconds. */
export function createSmtpMailer({ url, from }: SmtpOptions): Mailer {
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: connections,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 30_000,
  });
  return {
    async send(mail) {
      refuseUnfit(mail);
      await transport.sendMail(messageOf(mail, from));
    },
    async close() {
      transport.close();
    },
  };
}

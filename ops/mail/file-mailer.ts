import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { Clock } from '../process/clock.ts';
import { type Mailer, messageOf, refuseUnfit } from './mailer.ts';

export interface FileMailerOptions {
  dir: string;
  from: string;
  clock: Clock;
  /** Told of every mail that was written. */
  onMail(path: string): void;
}

/** The oldest beyond so many are removed. */
const kept = 1000;

/** Where there is no mail server: each mail is a file `<time>-<id>.eml` that only the owner reads. */
export function createFileMailer({ dir, from, clock, onMail }: FileMailerOptions): Mailer {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
  return {
    async send(mail) {
      refuseUnfit(mail);
      const { message } = await transport.sendMail(messageOf(mail, from));
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const names = (await readdir(dir)).filter((name) => name.endsWith('.eml')).sort();
      if (names.some((name) => name.endsWith(`-${mail.id}.eml`))) return;
      const time = new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-');
      const path = join(dir, `${time}-${mail.id}.eml`);
      await writeFile(`${path}.new`, message as Buffer, { mode: 0o600 });
      await rename(`${path}.new`, path);
      for (const old of names.slice(0, Math.max(0, names.length + 1 - kept))) await rm(join(dir, old));
      onMail(path);
    },
    async close() {},
  };
}

import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createFileMailer } from '../../../ops/mail/file-mailer.ts';
import type { Mail, Mailer } from '../../../ops/mail/mailer.ts';
import { createSmtpMailer } from '../../../ops/mail/smtp-mailer.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import {
  headerOf,
  type MailServer,
  partOf,
  type Received,
  startMailServer,
} from '../../support/mail-server.ts';

const from = 'Suhbat <noreply@suhbat.example>';
const mail: Mail = {
  id: '0198a3c4-5e10-7c21-9a4b-3f6d1e8b2a01',
  to: 'ali@example.com',
  subject: 'Roʻyxatdan oʻtish – 123456',
  text: 'Kod: 123456. Oʻzbekcha matn.\n',
  html: '<p>Kod: <b>123456</b>. Oʻzbekcha matn.</p>\n',
};

interface Case {
  mailer: Mailer;
  newest(): Promise<Received | undefined>;
}

function promises(open: () => Promise<Case>): void {
  it('carries its subject, both texts and a Message-ID of its own', async () => {
    const { mailer, newest } = await open();
    await mailer.send(mail);
    const got = (await newest()) as Received;
    expect(headerOf(got, 'Subject')).to.equal(mail.subject);
    expect(headerOf(got, 'Message-ID')).to.equal(`<${mail.id}@suhbat.example>`);
    expect(headerOf(got, 'To')).to.equal(mail.to);
    expect(partOf(got, 'text/plain').trim()).to.equal(mail.text.trim());
    expect(partOf(got, 'text/html').trim()).to.equal(mail.html.trim());
  });

  it('refuses, before anything leaves, what could break out of a header', async () => {
    const { mailer, newest } = await open();
    const before = await newest();
    const unfit: Partial<Mail>[] = [
      { to: 'ali@example.com\r\nBcc: all@evil.example' },
      { to: 'ali@example.com, all@evil.example' },
      { to: 'Ali <ali@example.com>' },
      { to: 'ali' },
      { subject: 'Hello\r\nBcc: all@evil.example' },
      { subject: 'Hello\u2028'.replace('\u2028', '\u0000') },
      { id: 'x>\r\nBcc: all@evil.example' },
      { id: '../../etc/passwd' },
    ];
    for (const part of unfit)
      expect(await mailer.send({ ...mail, ...part }).catch((error) => error.code)).to.equal('unfit_mail');
    expect(await newest()).to.deep.equal(before);
  });
}

describe('mail over SMTP', () => {
  let server: MailServer;
  let mailer: Mailer;
  before(async () => {
    server = await startMailServer();
    mailer = createSmtpMailer({ url: server.url, from });
  });
  after(async () => {
    await mailer.close();
    await server.stop();
  });

  promises(async () => ({ mailer, newest: async () => server.mails.at(-1) }));

  it('fails at once where nobody listens', async () => {
    await server.stop();
    const fresh = createSmtpMailer({ url: server.url, from });
    const faultOf = (one: Mailer) => one.send(mail).catch((error) => error.code);
    expect(await faultOf(fresh)).to.equal('ESOCKET');
    // It had a connection, and may hear only now that this has ended.
    expect(await faultOf(mailer)).to.be.oneOf(['ESOCKET', 'ECONNECTION']);
    await server.start();
    for (const one of [fresh, mailer]) await one.send(mail);
    await fresh.close();
  });
});

describe('mail as files', () => {
  let dir: string;
  let mailer: Mailer;
  const told: string[] = [];
  beforeEach(async () => {
    dir = join(await mkdtemp(join(tmpdir(), 'suhbat-mail-')), 'mail');
    mailer = createFileMailer({ dir, from, clock: systemClock, onMail: (path) => told.push(path) });
  });
  afterEach(() => rm(join(dir, '..'), { recursive: true }));

  const names = () => readdir(dir).catch(() => []);
  promises(async () => ({
    mailer,
    async newest() {
      const name = (await names()).sort().at(-1);
      return name === undefined ? undefined : { to: [], raw: await readFile(join(dir, name), 'utf8') };
    },
  }));

  it('is one file, which only its owner reads, however often it is sent', async () => {
    await mailer.send(mail);
    await mailer.send(mail);
    const [name = '', ...more] = await names();
    expect(more).to.deep.equal([]);
    expect(told.at(-1)).to.equal(join(dir, name));
    expect((await stat(join(dir, name))).mode & 0o777).to.equal(0o600);
    expect((await stat(dir)).mode & 0o777).to.equal(0o700);
  });
});

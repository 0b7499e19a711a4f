import { expect } from 'chai';
import { sql } from 'slonik';
import { refusalOf } from '../../../schemas/errors.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { eventually } from '../../support/eventually.ts';
import { partOf } from '../../support/mail-server.ts';
import { freshAddress, type MailedAccounts, startMailedAccounts, wrong } from './mailed.ts';
import { password } from './support.ts';

describe('codes by mail, under attack', () => {
  let mailed: MailedAccounts;
  before(async () => {
    mailed = await startMailedAccounts();
  });
  after(() => mailed?.stop());

  let ips = 0;
  const freshIp = () => `198.51.${Math.floor(++ips / 250)}.${ips % 250}`;
  const post = <Reply = never>(path: string, body: object, ip = freshIp()) =>
    mailed.ask<Reply>(`POST ${path}`, { body, ip });
  const reasonOf = (path: string, body: object) => {
    const answer: Promise<unknown> = post(path, body);
    return answer.then(
      () => 'accepted',
      (error: unknown) => refusalOf(error).reason,
    );
  };

  async function loginCode(email: string, count = 1): Promise<string> {
    await post('/auth/email/request', { email });
    return mailed.codeFor(email, count);
  }

  it('stop brute force from many IP addresses: a code takes five tries, an address five codes an hour', async () => {
    const email = freshAddress();
    const code = await loginCode(email);
    const guesses = Array.from({ length: 40 }, (_, n) => wrong(String(Number(code) + n)));
    const answers = await Promise.all(
      guesses
        .filter((guess) => guess !== code)
        .map((guess) => reasonOf('/auth/email/verify', { email, code: guess })),
    );
    expect(answers.filter((reason) => reason === 'code_wrong')).to.have.length(5);
    expect(answers.filter((reason) => reason === 'code_expired')).to.have.length(answers.length - 5);
    expect(await reasonOf('/auth/email/verify', { email, code })).to.equal('code_expired');
    for (let asked = 1; asked < 5; asked++) await post('/auth/email/request', { email });
    for (const path of ['/auth/email/request', '/api/v1/auth/password/forgot'])
      expect(await reasonOf(path, { email })).to.equal('too_many_codes');
    mailed.clock.advance(61 * 60_000);
    for (let asked = 0; asked < 5; asked++) await post('/auth/email/request', { email });
    expect(await reasonOf('/auth/email/request', { email })).to.equal('too_many_codes');
  });

  it('bound what one address gets in a day', async () => {
    const email = freshAddress();
    for (let hour = 0; hour < 4; hour++) {
      for (let asked = 0; asked < 5; asked++) await post('/auth/email/request', { email });
      mailed.clock.advance(61 * 60_000);
    }
    expect(await reasonOf('/auth/email/request', { email })).to.equal('too_many_codes');
  });

  it('work once, also for two at the same moment', async () => {
    const email = freshAddress();
    const code = await loginCode(email);
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => reasonOf('/auth/email/verify', { email, code })),
    );
    expect(answers.sort()).to.deep.equal(['accepted', 'code_expired', 'code_expired', 'code_expired']);
    const users = await mailed.db.anyFirst(sql.unsafe`select id from users where email = ${email}`);
    expect(users).to.have.length(1);
  });

  it('are good for their purpose and address alone', async () => {
    const [email, other] = [freshAddress(), freshAddress()];
    const code = await loginCode(email);
    await loginCode(other);
    const tries: [string, object][] = [
      ['/api/v1/auth/password/reset', { email, code, new_password: password }],
      ['/api/v1/verify-register', { email, code }],
      ['/auth/email/verify', { email: other, code }],
    ];
    for (const [path, body] of tries) expect(await reasonOf(path, body)).to.match(/^code_(wrong|expired)$/);
    const { access_token } = await mailed.register();
    const verify: Promise<unknown> = mailed.ask('POST /api/v1/auth/email/verify', {
      body: { code },
      token: access_token,
    });
    expect(await verify.catch(refusalOf))
      .to.have.property('reason')
      .that.matches(/^code_(wrong|expired)$/);
    expect(await reasonOf('/auth/email/verify', { email, code })).to.equal('accepted');
  });

  it('do not verify another user’s claim of the same address', async () => {
    const email = freshAddress();
    const one = await mailed.register({ email });
    const code = await mailed.codeFor(email);
    const other = await mailed.register({ email });
    await mailed.mailsTo(email, 2);
    const verify = (tokens: Tokens): Promise<unknown> =>
      mailed.ask('POST /api/v1/auth/email/verify', { body: { code }, token: tokens.access_token });
    expect(await verify(other).catch(refusalOf)).to.include({ reason: 'code_wrong' });
    expect(await verify(one)).to.include({ email_verified: true });
  });

  it('of an older mail are dead when a newer one was asked for', async () => {
    const email = freshAddress();
    const first = await loginCode(email);
    const second = await loginCode(email, 2);
    if (first !== second)
      expect(await reasonOf('/auth/email/verify', { email, code: first })).to.equal('code_wrong');
    expect(await reasonOf('/auth/email/verify', { email, code: second })).to.equal('accepted');
  });

  it('lie nowhere in the database, neither in the queue nor in the table', async () => {
    const email = freshAddress();
    await mailed.server.stop();
    await post('/auth/email/request', { email });
    const [row] = await mailed.db.any(sql.unsafe`select * from email_tokens where email = ${email}`);
    const jobs = await mailed.db.any(sql.unsafe`select * from graphile_worker._private_jobs`);
    await mailed.server.start();
    const code = await mailed.codeFor(email);
    expect(jobs.length).to.be.greaterThan(0);
    expect(JSON.stringify(row)).to.include(email).and.not.include(code);
    expect(JSON.stringify(jobs)).to.not.include(code).and.not.include(email);
  });

  it('cannot be mailed beyond an address: what breaks a header is refused', async () => {
    const mails = mailed.server.mails.length;
    const bad = [
      'a@b.example\r\nBcc: all@evil.example',
      'a@b.example\nSubject: x',
      'a@b.example, c@evil.example',
    ];
    for (const email of [...bad, '"a b"@b.example', 'Ann <a@b.example>'])
      for (const path of ['/auth/email/request', '/api/v1/auth/password/forgot'])
        expect(
          await post(path, { email }).then(
            () => 'accepted',
            (error) => refusalOf(error).code,
          ),
        ).to.equal('invalid');
    for (const to of bad) {
      const mail = { id: 'x', to, subject: 's', text: 't', html: 'h' };
      expect(await mailed.mailer.send(mail).catch((error) => error.code)).to.equal('unfit_mail');
    }
    const subject = { id: 'x', to: 'a@b.example', subject: 'a\r\nBcc: all@evil.example', text: '', html: '' };
    expect(await mailed.mailer.send(subject).catch((error) => error.code)).to.equal('unfit_mail');
    expect(mailed.server.mails).to.have.length(mails);
  });

  it('go to an account only after its password was fit: 73 bytes are refused before anything is kept', async () => {
    const email = freshAddress();
    const body = { email, username: 'longpassword', name: 'Long', password: `${'é'.repeat(36)}x` };
    expect(await reasonOf('/api/v1/register', body)).to.equal('password_too_long');
    const rows = await mailed.db.any(sql.unsafe`select 1 from email_tokens where email = ${email}`);
    expect(rows).to.have.length(0);
  });

  it('never show by an answer whether an address has an account', async () => {
    const [known, claimed, unknown] = [freshAddress(), freshAddress(), freshAddress()];
    const owner = await mailed.register({ email: known });
    await mailed.ask('POST /api/v1/auth/email/verify', {
      body: { code: await mailed.codeFor(known) },
      token: owner.access_token,
    });
    await mailed.register({ email: claimed });
    const answers = new Set<string>();
    for (const email of [known, claimed, unknown]) {
      const said: unknown[] = [];
      for (const path of ['/api/v1/auth/password/forgot', '/auth/email/request']) {
        const answer: unknown = await post(path, { email });
        said.push(answer);
      }
      const username = `name${email.slice(6, -12)}`;
      const begun: unknown = await post('/api/v1/register', { email, username, name: 'N', password });
      said.push(begun);
      for (const path of ['/auth/email/verify', '/api/v1/verify-register'])
        said.push(await reasonOf(path, { email, code: '000000' }));
      said.push(
        await reasonOf('/api/v1/auth/password/reset', { email, code: '000000', new_password: password }),
      );
      answers.add(JSON.stringify(said));
    }
    expect([...answers]).to.have.length(1);
  });

  it('never show by their time whether an address has an account', async function () {
    this.timeout(240_000);
    const pairs = 120;
    // Of each pair one has an account; the order in a pair changes.
    const people: { known: string; unknown: string }[] = [];
    for (let n = 0; n < pairs; n++) {
      const { user } = await mailed.register({ email: freshAddress() });
      await mailed.db.query(sql.unsafe`
        update users set email = pending_email, pending_email = null where id = ${user.id}`);
      people.push({ known: user.email ?? '', unknown: freshAddress() });
    }
    // The mail of one request is not to be felt by the next: only accounts get one, so that those after them seem slower.
    const allMailed = () =>
      eventually(async () => {
        const left = await mailed.db.any(sql.unsafe`select 1 from graphile_worker._private_jobs`);
        return left.length === 0 || `${left.length} jobs`;
      }, 30_000);
    const time = async (email: string) => {
      await allMailed();
      const began = performance.now();
      await post('/api/v1/auth/password/forgot', { email });
      return performance.now() - began;
    };
    let knownSlower = 0;
    for (const [at, { known, unknown }] of people.entries()) {
      const knownFirst = at % 2 === 0;
      const first = await time(knownFirst ? known : unknown);
      const second = await time(knownFirst ? unknown : known);
      if (knownFirst ? first > second : second > first) knownSlower++;
    }
    // A sign test: noise hits both alike. Beyond 4.5 standard deviations by chance: once in 150,000 runs.
    expect(Math.abs(knownSlower - pairs / 2)).to.be.lessThan(4.5 * (Math.sqrt(pairs) / 2));
  });

  it('bring nothing that a reader could be led away with', async () => {
    const email = freshAddress();
    await loginCode(email);
    const [mail] = await mailed.mailsTo(email);
    expect(mail && partOf(mail, 'text/html')).to.not.match(/https?:|<img|<a |<script/i);
  });
});

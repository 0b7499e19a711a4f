import { expect } from 'chai';
import { sql } from 'slonik';
import { refusalOf } from '../../../schemas/errors.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { OwnProfile } from '../../../schemas/user/profile.ts';
import { eventually } from '../../support/eventually.ts';
import { headerOf, partOf } from '../../support/mail-server.ts';
import { freshAddress, type MailedAccounts, startMailedAccounts, wrong } from './mailed.ts';
import { password } from './support.ts';

describe('codes by mail', () => {
  let mailed: MailedAccounts;
  before(async () => {
    mailed = await startMailedAccounts();
  });
  after(() => mailed?.stop());

  const post = <Reply = never>(path: string, body: object, token?: string) =>
    mailed.ask<Reply>(`POST ${path}`, { body, ...(token !== undefined && { token }) });
  const refused = (path: string, body: object, token?: string) => {
    const answer: Promise<unknown> = post(path, body, token);
    return answer.then(
      () => expect.fail('it was accepted'),
      (error: unknown) => refusalOf(error).reason ?? refusalOf(error).code,
    );
  };

  /** A user who has verified this address. */
  async function verified(email = freshAddress()): Promise<Tokens> {
    const tokens = await mailed.register({ email });
    const code = await mailed.codeFor(email);
    await post('/api/v1/auth/email/verify', { code }, tokens.access_token);
    return tokens;
  }

  it('come with a registration, and make the claimed address the user’s', async () => {
    const email = freshAddress();
    const { access_token, user } = await mailed.register({ email });
    expect(user.email_verified).to.equal(false);
    const code = await mailed.codeFor(email);
    expect(await refused('/api/v1/auth/email/verify', { code: wrong(code) }, access_token)).to.equal(
      'code_wrong',
    );
    const profile = await post<OwnProfile>('/api/v1/auth/email/verify', { code }, access_token);
    expect(profile).to.include({ email, email_verified: true });
    expect(await refused('/api/v1/auth/email/verify', { code }, access_token)).to.equal('code_expired');
    const identities = await mailed.db.any(sql.unsafe`
      select provider, subject, email_verified from identities where user_id = ${user.id}`);
    expect(identities).to.deep.equal([{ provider: 'email', subject: email, email_verified: true }]);
  });

  it('are in the language of whoever asked, or that his settings say', async () => {
    const inUzbek = freshAddress();
    await mailed.ask('POST /auth/email/request', {
      body: { email: inUzbek },
      headers: { 'accept-language': 'de, uz-Latn;q=0.9, en;q=0.5' },
    });
    const [mail] = await mailed.mailsTo(inUzbek);
    expect(mail && headerOf(mail, 'Subject')).to.include('Suhbatga kirish kodingiz');
    expect(mail && partOf(mail, 'text/html'))
      .to.include('<html lang="uz">')
      .and.include('class="code"');

    const email = freshAddress();
    const { access_token } = await verified(email);
    const settings = { language: 'uz' };
    await mailed.ask('PATCH /me', { body: { settings }, token: access_token });
    await post('/auth/email/request', { email });
    const [, second] = await mailed.mailsTo(email, 2);
    expect(second && partOf(second, 'text/plain')).to.include('Suhbatga kirish uchun');
  });

  it('tell the owner of an address when somebody else registers with it, and are not mailed then', async () => {
    const email = freshAddress();
    const owner = await verified(email);
    const claimer = await mailed.register({ email });
    const [, notice] = await mailed.mailsTo(email, 2);
    expect(notice && headerOf(notice, 'Subject')).to.include('was used to register');
    expect(notice && partOf(notice, 'text/plain')).to.not.match(/\d{6}/);
    expect(claimer.user).to.include({ email, email_verified: false });
    expect((await mailed.login({ email })).user.id).to.equal(owner.user.id);
  });

  it('change an address: the old one stays until the new one is verified', async () => {
    const old = freshAddress();
    const next = freshAddress();
    const { access_token, user } = await verified(old);
    const change = (body: object) => refused('/api/v1/auth/email', body, access_token);
    expect(await change({ email: next })).to.equal('password_required');
    expect(await change({ email: next, current_password: 'not this' })).to.equal('password_wrong');
    await post('/api/v1/auth/email', { email: next, current_password: password }, access_token);
    expect((await mailed.login({ email: old })).user.id).to.equal(user.id);
    const code = await mailed.codeFor(next);
    const profile = await post<OwnProfile>('/api/v1/auth/email/verify', { code }, access_token);
    expect(profile).to.include({ email: next, email_verified: true });
    const gone: Promise<unknown> = mailed.login({ email: old });
    expect(await gone.catch(refusalOf)).to.include({ reason: 'bad_credentials' });
  });

  it('let a user without a password change his address only with a fresh login', async () => {
    const email = freshAddress();
    await post('/auth/email/request', { email });
    const code = await mailed.codeFor(email);
    const { access_token } = await post<Tokens>('/auth/email/verify', { email, code });
    await post('/api/v1/auth/email', { email: freshAddress() }, access_token);
    mailed.clock.advance(11 * 60_000);
    expect(await refused('/api/v1/auth/email', { email: freshAddress() }, access_token)).to.equal(
      'login_too_old',
    );
  });

  it('reset a forgotten password, and every login ends', async () => {
    const email = freshAddress();
    const { user, refresh_token } = await verified(email);
    await post('/api/v1/auth/password/forgot', { email });
    const code = await mailed.codeFor(email, 2);
    const new_password = 'another horse';
    const long = { email, code, new_password: 'x'.repeat(73) };
    expect(await refused('/api/v1/auth/password/reset', long)).to.equal('password_too_long');
    await post('/api/v1/auth/password/reset', { email, code, new_password });
    const late: Promise<unknown> = mailed.refresh(refresh_token);
    expect(await late.catch(refusalOf)).to.include({ reason: 'refresh_invalid' });
    const old: Promise<unknown> = mailed.login({ email });
    expect(await old.catch(refusalOf)).to.include({ reason: 'bad_credentials' });
    expect((await mailed.login({ email, password: new_password })).user.id).to.equal(user.id);
    expect(mailed.notes.at(-1)).to.include({ user_id: user.id });
    expect(await refused('/api/v1/auth/password/reset', { email, code, new_password })).to.equal(
      'code_expired',
    );
  });

  it('reset no password of whoever only claims the address', async () => {
    const email = freshAddress();
    await mailed.register({ email });
    await mailed.mailsTo(email);
    await post('/api/v1/auth/password/forgot', { email });
    const row = () =>
      mailed.db.maybeOneFirst(sql.unsafe`
        select sent_at from email_tokens where email = ${email} and purpose = 'reset' and sent_at is not null`);
    await eventually(async () => (await row()) !== null);
    expect(await mailed.mailsTo(email)).to.have.length(1);
  });

  it('make an account only when the mail was read', async () => {
    const email = freshAddress();
    const body = { email, username: 'Gulnora', name: 'Gulnora', password };
    await post('/api/v1/register', body);
    const early: Promise<unknown> = mailed.login({ username: 'Gulnora' });
    expect(await early.catch(refusalOf)).to.include({ reason: 'bad_credentials' });
    const code = await mailed.codeFor(email);
    const { user } = await post<Tokens>('/api/v1/verify-register', { email, code });
    expect(user).to.include({ username: 'Gulnora', display_name: 'Gulnora', email, email_verified: true });
    const again = await post<Tokens>('/api/v1/login', { username: 'gulnora', password });
    expect(again.user.id).to.equal(user.id);
    expect(await refused('/api/v1/verify-register', { email, code })).to.equal('code_expired');
    expect(await refused('/api/v1/register', body)).to.equal('username_taken');
  });

  it('log in whoever has verified the address, and make a user of who is new', async () => {
    const email = freshAddress();
    await post('/auth/email/request', { email });
    const first = await post<Tokens>('/auth/email/verify', { email, code: await mailed.codeFor(email) });
    expect(first.user.username).to.equal(`user${first.user.number}`);
    expect(first.user).to.include({ email, email_verified: true });
    await post('/auth/email/request', { email: email.toUpperCase() });
    const code = await mailed.codeFor(email, 2);
    const second = await post<Tokens>('/auth/email/verify', { email, code });
    expect(second.user.id).to.equal(first.user.id);
  });

  it('join nobody who only claims the address', async () => {
    const email = freshAddress();
    const claimer = await mailed.register({ email });
    // Two mails at once may come in either order.
    await mailed.codeFor(email);
    await post('/auth/email/request', { email });
    const code = await mailed.codeFor(email, 2);
    const { user } = await post<Tokens>('/auth/email/verify', { email, code });
    expect(user.id).to.not.equal(claimer.user.id);
    const claim = await mailed.db.one(sql.unsafe`select email from users where id = ${claimer.user.id}`);
    expect(claim).to.deep.equal({ email: null });
  });

  it('are good for 10 minutes', async () => {
    const email = freshAddress();
    await post('/auth/email/request', { email });
    const code = await mailed.codeFor(email);
    mailed.clock.advance(10 * 60_000);
    expect(await refused('/auth/email/verify', { email, code })).to.equal('code_expired');
  });

  it('are not mailed when they are too old', async () => {
    const email = freshAddress();
    await mailed.server.stop();
    await post('/auth/email/request', { email });
    mailed.clock.advance(10 * 60_000);
    await mailed.server.start();
    const left = () => mailed.db.oneFirst(sql.unsafe`select count(*) from graphile_worker.jobs`);
    await eventually(async () => (await left()) === 0, 15_000);
    expect(mailed.server.mails.filter(({ to }) => to.includes(email))).to.have.length(0);
  });
});

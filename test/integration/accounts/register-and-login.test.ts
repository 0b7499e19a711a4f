import { expect } from 'chai';
import { sql } from 'slonik';
import { reasonOf } from '../../unit/accounts/support.ts';
import { type Accounts, password, startAccounts } from './support.ts';

describe('registering and logging in', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts();
  });
  after(() => accounts?.stop());

  it('gives tokens that speak for the new user, whose address is a claim', async () => {
    const { register, tokens } = accounts;
    const answer = await register({ username: 'Malika', email: 'Malika@Example.com', first_name: 'Malika' });
    const { user, ...rest } = answer;
    expect(tokens.verify(answer.access_token).user_id).to.equal(user.id);
    expect(rest).to.include({ token_type: 'Bearer', expires_in: 900, refresh_expires_in: 604_800 });
    expect(Object.keys(answer).sort()).to.deep.equal([
      'access_token',
      'expires_in',
      'refresh_expires_in',
      'refresh_token',
      'token_type',
      'user',
    ]);
    expect(user).to.deep.equal({
      id: user.id,
      number: user.number,
      username: 'Malika',
      first_name: 'Malika',
      last_name: null,
      display_name: 'Malika',
      bio: null,
      about: null,
      level: null,
      avatar: null,
      created_at: user.created_at,
      updated_at: user.created_at,
      followers_count: 0,
      followings_count: 0,
      is_following: false,
      email: 'Malika@Example.com',
      email_verified: false,
      timezone: null,
      interests_txt: null,
      role: 'user',
      settings: {},
    });
    expect(user.number).to.be.a('number').above(0);
  });

  it('names people by their first and last name, else by their username', async () => {
    const { register } = accounts;
    const named = await register({ first_name: 'Alisher', last_name: 'Navoiy' });
    expect(named.user.display_name).to.equal('Alisher Navoiy');
    const unnamed = await register({ first_name: null });
    expect(unnamed.user.display_name).to.equal(unnamed.user.username);
  });

  it('keeps usernames unique without case, also of two at once', async () => {
    const { register } = accounts;
    await register({ username: 'Bobur' });
    expect(await reasonOf(() => register({ username: 'bOBUR' }))).to.equal('conflict username_taken');
    const both = await Promise.allSettled([register({ username: 'twice' }), register({ username: 'Twice' })]);
    expect(both.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected']);
    const lost = both.find((outcome) => outcome.status === 'rejected');
    expect(await reasonOf(() => Promise.reject(lost?.reason))).to.equal('conflict username_taken');
  });

  it('gives reserved names to nobody', async () => {
    const { register } = accounts;
    for (const username of ['admin', 'Unfollow', 'profile', 'user42'])
      expect(await reasonOf(() => register({ username })), username).to.equal(
        'unprocessable username_reserved',
      );
  });

  it('refuses what breaks the schema or cannot be a password', async () => {
    const { register } = accounts;
    const bad = [
      { username: 'ab' },
      { username: '1abc' },
      { username: 'has space' },
      { email: 'nobody' },
      { password: 'short' },
      { password: null },
      { first_name: ' ' },
      { first_name: 'two\nlines' },
      { role: 'admin' },
      { id: 'mine' },
    ];
    for (const more of bad)
      expect(await reasonOf(() => register(more)), JSON.stringify(more)).to.equal('invalid');
    expect(await reasonOf(() => register({ password: 'ў'.repeat(37) }))).to.equal(
      'unprocessable password_too_long',
    );
  });

  it('does not trust its parameters with more than they may say', async () => {
    const { call } = accounts;
    const sneaky = { role: 'admin', number: 1, banned_at: null, id: 'mine', followers_count: 9 };
    const params = { email: 'sneaky@example.com', username: 'sneaky', password, ...sneaky };
    const { user } = await call<{ user: Record<string, unknown> }>('users.register', params, {
      request_id: 'r-1',
    });
    expect(user).to.include({ role: 'user', followers_count: 0 });
    expect(user.id).not.to.equal('mine');
  });

  it('logs in by username and by email, without case, each time with a login of its own', async () => {
    const { register, login, tokens } = accounts;
    const { user } = await register({ username: 'Zulfiya', email: 'zulfiya@example.com' });
    const ways = [
      { login: 'zulfiya' },
      { login: 'Zulfiya@Example.com' },
      { username: 'ZULFIYA' },
      { email: 'ZULFIYA@example.com' },
    ];
    const logins = new Set<string>();
    for (const way of ways) {
      const answer = await login(way);
      expect(answer.user).to.deep.equal(user);
      logins.add(tokens.verify(answer.access_token).login_id);
    }
    expect(logins.size).to.equal(ways.length);
  });

  it('refuses a wrong password and an unknown user with the same words', async () => {
    const { register, login } = accounts;
    const { user } = await register();
    const refusals = [];
    for (const body of [
      { username: user.username, password: 'wrong horse' },
      { username: user.username, password: `${password}${'x'.repeat(80)}` },
      { username: 'nobody_at_all' },
      { email: 'nobody@example.com' },
      { login: "x' or 1=1 --" },
    ])
      refusals.push(
        await login(body).then(
          () => 'let in',
          (error: { refusal: object }) => JSON.stringify(error.refusal),
        ),
      );
    expect(new Set(refusals).size).to.equal(1);
    expect(refusals[0]).to.include('bad_credentials').and.include('unauthenticated');
  });

  it('compares a password also where there is no user, so that the time tells nothing', async () => {
    const { login, passwords } = accounts;
    const trying = reasonOf(() => login({ username: 'nobody_at_all' }));
    let compared = false;
    while (!compared) {
      compared = passwords.pending() > 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await trying).to.equal('unauthenticated bad_credentials');
  });

  it('takes exactly one name, and a password', async () => {
    const { ask } = accounts;
    for (const body of [
      { password },
      { username: 'a' },
      { login: 'a', username: 'a', password },
      { username: 'a', email: 'a@example.com', password },
      { username: 'a', password, remember: true },
      { username: { $ne: '' }, password },
      { username: 'a', password: '' },
    ])
      expect(await reasonOf(() => ask('POST /api/v1/auth/login', { body })), JSON.stringify(body)).to.equal(
        'invalid',
      );
  });

  it('lets the only claimant in by address, nobody where several claim it, and its verified owner always', async () => {
    const { register, login, db } = accounts;
    const email = 'shared@example.com';
    const first = await register({ email });
    expect((await login({ email })).user.id).to.equal(first.user.id);
    const second = await register({ email });
    expect(await reasonOf(() => login({ email }))).to.equal('unauthenticated bad_credentials');
    await db.query(sql.unsafe`
      update users set email = pending_email, pending_email = null where id = ${second.user.id}`);
    const owner = await login({ email });
    expect(owner.user).to.include({ id: second.user.id, email, email_verified: true });
    const third = await register({ email: 'Shared@example.com' });
    expect(third.user, 'the same answer for an address that somebody has').to.include({
      email_verified: false,
    });
    expect((await login({ email })).user.id).to.equal(second.user.id);
  });

  it('lets nobody in who has no password, is banned or is gone', async () => {
    const { register, login, db } = accounts;
    const { user } = await register();
    const name = { username: user.username };
    await db.query(sql.unsafe`update users set banned_at = now() where id = ${user.id}`);
    expect(await reasonOf(() => login(name))).to.equal('forbidden banned');
    expect(await reasonOf(() => login({ ...name, password: 'wrong horse' }))).to.equal(
      'unauthenticated bad_credentials',
    );
    await db.query(sql.unsafe`update users set banned_at = null, deleted_at = now() where id = ${user.id}`);
    expect(await reasonOf(() => login(name))).to.equal('unauthenticated bad_credentials');
    await db.query(sql.unsafe`
      update users set deleted_at = null, password_hash = null where id = ${user.id}`);
    for (const tried of [password, 'null', ''])
      expect(await reasonOf(() => login({ ...name, password: tried }))).to.match(
        tried === '' ? /^invalid$/ : /bad_credentials/,
      );
  });

  it('writes neither names, addresses, passwords nor tokens into the log', async () => {
    const { register, login, refresh, logged } = accounts;
    const { user, refresh_token } = await register({ username: 'unlogged', first_name: 'Firstname' });
    await refresh(refresh_token);
    await reasonOf(() => login({ username: 'unlogged', password: 'wrong horse' }));
    const text = logged.join('\n');
    for (const secret of [user.username, user.email, 'Firstname', password, 'wrong horse', refresh_token])
      expect(text).not.to.include(String(secret));
  });
});

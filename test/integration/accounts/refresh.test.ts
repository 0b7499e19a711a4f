import { expect } from 'chai';
import { sql } from 'slonik';
import { reasonOf } from '../../unit/accounts/support.ts';
import { type Accounts, startAccounts } from './support.ts';

describe('refreshing', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts();
  });
  after(() => accounts?.stop());

  it('gives new tokens of the same login, good for another seven days', async () => {
    const { register, refresh, tokens, clock } = accounts;
    const first = await register();
    clock.advance(6 * 86_400_000);
    const second = await refresh(first.refresh_token);
    expect(second.refresh_token).not.to.equal(first.refresh_token);
    expect(second.refresh_expires_in).to.equal(604_800);
    expect(second.user).to.deep.equal(first.user);
    clock.advance(6 * 86_400_000);
    const third = await refresh(second.refresh_token);
    const { login_id, user_id } = tokens.verify(third.access_token);
    expect(user_id).to.equal(first.user.id);
    expect(third.refresh_token.startsWith(login_id)).to.equal(true);
  });

  it('gives a repeat within 10 seconds the same refresh token again', async () => {
    const { register, refresh, clock } = accounts;
    const first = await register();
    const second = await refresh(first.refresh_token);
    clock.advance(9_999);
    const repeat = await refresh(first.refresh_token);
    expect(repeat.refresh_token).to.equal(second.refresh_token);
    expect(repeat.user).to.deep.equal(second.user);
    expect((await refresh(second.refresh_token)).refresh_token).to.be.a('string');
  });

  it('gives many at once the same new token', async () => {
    const { register, refresh } = accounts;
    const first = await register();
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(first.refresh_token)));
    expect(new Set(answers.map((answer) => answer.refresh_token)).size).to.equal(1);
    await refresh(answers[0]?.refresh_token ?? '');
  });

  it('leaves the token as good as it was where the answer cannot be made', async () => {
    const { register, refresh, clock, tokens } = accounts;
    const first = await register();
    const { sign } = tokens;
    tokens.sign = () => {
      throw new Error('there is no answer');
    };
    const failed = await refresh(first.refresh_token).catch((error: Error) => error);
    tokens.sign = sign;
    expect(failed).to.include({ message: 'there is no answer' });
    // Later than a repeat would be taken for one.
    clock.advance(10_000);
    expect((await refresh(first.refresh_token)).refresh_token).not.to.equal(first.refresh_token);
  });

  it('revokes the whole login when a token is used again later', async () => {
    const { register, refresh, ask, clock, notes, tokens } = accounts;
    const first = await register();
    const second = await refresh(first.refresh_token);
    const { login_id, user_id } = tokens.verify(second.access_token);
    clock.advance(10_000);
    notes.length = 0;
    expect(await reasonOf(() => refresh(first.refresh_token))).to.equal('unauthenticated refresh_reused');
    expect(notes).to.deep.equal([{ user_id, login_ids: [login_id] }]);
    expect(await reasonOf(() => refresh(second.refresh_token))).to.equal('unauthenticated refresh_invalid');
    expect(await reasonOf(() => ask('GET /me', { token: second.access_token }))).to.equal(
      'unauthenticated login_revoked',
    );
    notes.length = 0;
    expect(await reasonOf(() => refresh(first.refresh_token))).to.equal('unauthenticated refresh_invalid');
    expect(notes, 'it is said once').to.deep.equal([]);
  });

  it('revokes the login also within 10 seconds when the token is two generations old', async () => {
    const { register, refresh } = accounts;
    const first = await register();
    const second = await refresh(first.refresh_token);
    const third = await refresh(second.refresh_token);
    expect(await reasonOf(() => refresh(first.refresh_token))).to.equal('unauthenticated refresh_reused');
    expect(await reasonOf(() => refresh(third.refresh_token))).to.equal('unauthenticated refresh_invalid');
  });

  it('leaves the other logins of the user alone', async () => {
    const { register, login, refresh, clock } = accounts;
    const first = await register();
    const other = await login({ username: first.user.username });
    await refresh(first.refresh_token);
    clock.advance(60_000);
    await reasonOf(() => refresh(first.refresh_token));
    expect((await refresh(other.refresh_token)).user.id).to.equal(first.user.id);
  });

  it('is refused after seven days without use', async () => {
    const { register, refresh, clock } = accounts;
    const { refresh_token } = await register();
    clock.advance(604_800_000);
    expect(await reasonOf(() => refresh(refresh_token))).to.equal('unauthenticated refresh_expired');
  });

  it('is refused for a changed token, without harm to the login', async () => {
    const { register, refresh } = accounts;
    const { refresh_token } = await register();
    const changed = refresh_token.replace('.1.', '.2.');
    expect(changed).not.to.equal(refresh_token);
    for (const token of [changed, 'x', `${refresh_token}x`])
      expect(await reasonOf(() => refresh(token))).to.equal('unauthenticated refresh_invalid');
    await refresh(refresh_token);
  });

  it('is refused to the banned and to the gone', async () => {
    const { register, refresh, db } = accounts;
    const { user, refresh_token } = await register();
    await db.query(sql.unsafe`update users set banned_at = now() where id = ${user.id}`);
    expect(await reasonOf(() => refresh(refresh_token))).to.equal('forbidden banned');
    await db.query(sql.unsafe`update users set deleted_at = now() where id = ${user.id}`);
    expect(await reasonOf(() => refresh(refresh_token))).to.equal('unauthenticated refresh_invalid');
  });
});

import { expect } from 'chai';
import { sql } from 'slonik';
import { typed } from '../../../ops/connections/postgres.ts';
import type { Login, Tokens } from '../../../schemas/rest/accounts.ts';
import { reasonOf } from '../../unit/accounts/support.ts';
import { type Accounts, password, startAccounts } from './support.ts';

const day = 24 * 60 * 60_000;

describe('an account', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts();
  });
  after(() => accounts.stop());

  const change = ({ access_token: token }: Tokens, body: object) =>
    accounts.ask('POST /api/v1/auth/password', { token, body });
  const remove = ({ access_token: token }: Tokens, body: object = { password }) =>
    accounts.ask('POST /me/delete', { token, body });
  const acts = async ({ user }: Tokens) =>
    accounts.db.anyFirst(typed<{ action: string }>()`
      select action from audit_logs where actor_id = ${user.id} order by created_at, id`);

  describe('changes its password', () => {
    const next = 'another correct horse';

    it('with the old one: every other login ends, this one stays, and the old one is of no use', async () => {
      const { register, login, ask, notes, tokens } = accounts;
      const one = await register();
      const { username } = one.user;
      const others = [await login({ username }), await login({ username })];
      await change(one, { current_password: password, new_password: next });
      const note = notes.at(-1);
      expect(note?.login_ids).to.have.members(
        others.map(({ access_token }) => tokens.verify(access_token).login_id),
      );
      const { items } = await ask<{ items: Login[] }>('GET /api/v1/auth/logins', {
        token: one.access_token,
      });
      expect(items.map(({ current }) => current)).to.deep.equal([true]);
      expect(await reasonOf(() => login({ username }))).to.equal('unauthenticated bad_credentials');
      expect((await login({ username, password: next })).user.id).to.equal(one.user.id);
      expect(await acts(one)).to.include('password_change');
    });

    it('not without the old one, nor with a wrong one: nothing ends', async () => {
      const { register, login, refresh } = accounts;
      const one = await register();
      const other = await login({ username: one.user.username });
      expect(await reasonOf(() => change(one, { new_password: next }))).to.equal(
        'forbidden password_required',
      );
      const wrong = { current_password: 'not the right one', new_password: next };
      expect(await reasonOf(() => change(one, wrong))).to.equal('forbidden password_wrong');
      expect(await acts(one)).to.include('confirm_failed');
      expect((await refresh(other.refresh_token)).user.id).to.equal(one.user.id);
      expect((await login({ username: one.user.username })).user.id).to.equal(one.user.id);
    });

    it('not to one of 73 bytes, which bcrypt would cut', async () => {
      const one = await accounts.register();
      for (const long of ['x'.repeat(73), 'é'.repeat(37)])
        expect(
          await reasonOf(() => change(one, { current_password: password, new_password: long })),
        ).to.equal('unprocessable password_too_long');
      await change(one, { current_password: password, new_password: 'x'.repeat(72) });
      expect(
        await reasonOf(() => accounts.login({ username: one.user.username, password: `${'x'.repeat(72)}y` })),
      ).to.equal('unauthenticated bad_credentials');
    });

    it('once, where two change it at the same time', async () => {
      const one = await accounts.register();
      const outcomes = await Promise.allSettled(
        ['first of the two', 'second of the two'].map((new_password) =>
          change(one, { current_password: password, new_password }),
        ),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    });

    it('without an old one where it has none, by a login of the last ten minutes', async () => {
      const { register, clock, db, login } = accounts;
      const one = await register();
      await db.query(sql.unsafe`update users set password_hash = null where id = ${one.user.id}`);
      clock.advance(10 * 60_000 + 1);
      expect(await reasonOf(() => change(one, { new_password: next }))).to.equal('forbidden login_too_old');
      expect(await reasonOf(() => remove(one, {}))).to.equal('forbidden login_too_old');
      const two = await register();
      await db.query(sql.unsafe`update users set password_hash = null where id = ${two.user.id}`);
      clock.advance(9 * 60_000);
      await change(two, { new_password: next });
      expect((await login({ username: two.user.username, password: next })).user.id).to.equal(two.user.id);
    });
  });

  describe('is deleted', () => {
    it('not without its password, nor with a wrong one', async () => {
      const one = await accounts.register();
      expect(await reasonOf(() => remove(one, {}))).to.equal('forbidden password_required');
      expect(await reasonOf(() => remove(one, { password: 'not the right one' }))).to.equal(
        'forbidden password_wrong',
      );
      expect((await accounts.login({ username: one.user.username })).user.id).to.equal(one.user.id);
    });

    it('with everything personal, in whatever table: no row names the user any more', async () => {
      const { register, ask, db, login, refresh, notes, tokens } = accounts;
      const mark = 'zanzibarian';
      const one = await register({ first_name: `${mark} first`, username: `${mark}_1` });
      const { id, username, number } = one.user;
      const token = one.access_token;
      const fields = ['display_name', 'bio', 'about', 'interests_txt'];
      await ask('PATCH /me', {
        token,
        body: {
          ...Object.fromEntries(fields.map((name) => [name, `${mark} ${name}`])),
          level: 'B2',
          timezone: 'Asia/Tashkent',
          settings: { note: mark },
        },
      });
      await db.query(sql.unsafe`
        insert into idempotency_keys (user_id, key, body_hash, status, answer, locked_until, expires_at)
        values (${id}, 'key', 'x', 200, ${JSON.stringify({ said: mark })}::json, now(), now() + interval '1 day')`);
      const device = await login({ username }, { device: `${mark} phone`, ip: '192.0.2.77' });
      await ask('DELETE /me', { token, body: { password } });

      expect(notes.at(-1)?.login_ids).to.have.members(
        [one, device].map(({ access_token }) => tokens.verify(access_token).login_id),
      );
      const tables = await db.anyFirst(typed<{ name: string }>()`
        select table_name from information_schema.tables
        where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'schema_migrations'`);
      expect(tables).to.include.members(['users', 'logins', 'idempotency_keys', 'audit_logs']);
      for (const table of tables) {
        const rows = await db.anyFirst(typed<{ row: string }>()`
          select to_jsonb(t)::text from ${sql.identifier([table])} t`);
        const naming = rows.filter((row) => row.includes(mark));
        // The freed name rests, so that nobody can pass for who has left; words of names are nobody's.
        if (table === 'former_usernames' || table === 'name_words') expect(naming).to.have.length(1);
        else expect(naming, table).to.deep.equal([]);
        // What leads to the place where somebody was is kept for those who look into misuse, and there alone.
        if (table !== 'audit_logs')
          expect(rows.filter((row) => row.includes('192.0.2.77'))).to.deep.equal([]);
      }
      const row = await db.one(typed<Record<string, unknown>>()`select * from users where id = ${id}`);
      expect(row).to.include({ id, number, username: `deleted-${number}`, role: 'user' });
      for (const [name, value] of Object.entries(row))
        if (!/^(id|number|username|role|settings|followers_count|followings_count)$|_at$/.test(name))
          expect({ name, value }).to.deep.equal({ name, value: null });
      expect([row.settings, row.last_seen_at]).to.deep.equal([{}, null]);

      expect(await reasonOf(() => ask('GET /me', { token }))).to.equal('unauthenticated login_revoked');
      expect(await reasonOf(() => refresh(device.refresh_token))).to.match(/^unauthenticated/);
      expect(await reasonOf(() => login({ username }))).to.equal('unauthenticated bad_credentials');
      expect(await acts(one)).to.include('account_delete');
      const other = await register();
      const look = (name: string) => ask('GET /api/v1/users/{id}', { id: name, token: other.access_token });
      for (const name of [id, username, `deleted-${number}`])
        expect(await reasonOf(() => look(name))).to.equal('not_found no_user');
    });

    it('unless it is the last admin', async () => {
      const { register, db } = accounts;
      const [one, two] = [await register(), await register()];
      for (const { user } of [one, two])
        await db.query(sql.unsafe`update users set role = 'admin' where id = ${user.id}`);
      const outcomes = await Promise.allSettled([remove(one), remove(two)]);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
      const left = outcomes[0]?.status === 'fulfilled' ? two : one;
      expect(await reasonOf(() => remove(left))).to.equal('conflict last_admin');
    });
  });

  it('keeps a login for 90 days at the most, however often it is refreshed', async () => {
    const { register, refresh, clock } = accounts;
    let tokens = await register();
    const opened = clock.now();
    const lives: number[] = [];
    for (;;) {
      clock.advance(6 * day);
      if (clock.now() - opened >= 90 * day) break;
      tokens = await refresh(tokens.refresh_token);
      lives.push(tokens.refresh_expires_in / (day / 1000));
      const left = 90 * day - (clock.now() - opened);
      expect(tokens.refresh_expires_in * 1000).to.be.at.most(left);
    }
    expect(lives.slice(0, 13)).to.deep.equal(Array.from({ length: 13 }, () => 7));
    expect(lives.at(-1)).to.equal(6);
    expect(await reasonOf(() => refresh(tokens.refresh_token))).to.equal('unauthenticated refresh_expired');
  });
});

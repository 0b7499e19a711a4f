import { expect } from 'chai';
import { sql } from 'slonik';
import { typed } from '../../../ops/connections/postgres.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { AuditList, ManagedUser, ManagedUserList } from '../../../schemas/rest/admin.ts';
import type { Role } from '../../../schemas/roles.ts';
import type { OwnProfile } from '../../../schemas/user/profile.ts';
import { reasonOf } from '../../unit/accounts/support.ts';
import { type Accounts, startAccounts } from './support.ts';

describe('roles', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts();
  });
  after(() => accounts.stop());

  async function giveRole({ user }: Tokens, role: Role): Promise<void> {
    await accounts.db.query(sql.unsafe`update users set role = ${role} where id = ${user.id}`);
  }

  async function newUser(role: Role = 'user'): Promise<Tokens> {
    const tokens = await accounts.register();
    if (role !== 'user') await giveRole(tokens, role);
    return tokens;
  }

  const ban = (by: Tokens, { user }: Tokens) =>
    accounts.ask<ManagedUser>('POST /admin/users/{id}/ban', { id: user.id, token: by.access_token });
  const unban = (by: Tokens, { user }: Tokens) =>
    accounts.ask<ManagedUser>('POST /admin/users/{id}/unban', { id: user.id, token: by.access_token });
  const setRole = (by: Tokens, { user }: Tokens, role: Role) =>
    accounts.ask<ManagedUser>('PUT /admin/users/{id}/role', {
      id: user.id,
      token: by.access_token,
      body: { role },
    });
  const log = async (by: Tokens, query: Record<string, string>) =>
    accounts.ask<AuditList>('GET /admin/audit', { token: by.access_token, query });

  it('are asked of the database at every call: one that was given or taken counts at once, with the same token', async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    expect(await reasonOf(() => ban(ann, bob))).to.equal('forbidden not_permitted');
    await giveRole(ann, 'moderator');
    expect((await ban(ann, bob)).banned_at).to.be.a('string');
    await giveRole(ann, 'user');
    expect(await reasonOf(() => unban(ann, bob))).to.equal('forbidden not_permitted');
  });

  it('are of no use to a login that has ended, also where the gateway has not heard of it', async () => {
    const { call, metaOf, db } = accounts;
    const [ann, bob] = [await newUser('admin'), await newUser()];
    const as = metaOf(ann);
    const id = bob.user.id;
    expect(await call<ManagedUser>('admin.ban', { id }, as)).to.include({ id });
    expect(await reasonOf(() => call('admin.unban', { id }, { request_id: 'r' }))).to.equal(
      'unauthenticated',
    );
    const other = { ...as, login_id: metaOf(bob).login_id ?? '' };
    expect(await reasonOf(() => call('admin.unban', { id }, other))).to.equal(
      'unauthenticated login_revoked',
    );
    await db.query(sql.unsafe`update logins set revoked_at = now() where id = ${as.login_id ?? ''}`);
    expect(await reasonOf(() => call('admin.unban', { id }, as))).to.equal('unauthenticated login_revoked');
    await giveRole(ann, 'user');
  });

  it('let nobody act on an equal or higher role, nor on themselves', async () => {
    const [user, moderator, other, admin, peer] = [
      await newUser(),
      await newUser('moderator'),
      await newUser('moderator'),
      await newUser('admin'),
      await newUser('admin'),
    ];
    const over = 'forbidden role_not_lower';
    for (const target of [moderator, other, admin]) {
      expect(await reasonOf(() => ban(moderator, target))).to.equal(over);
      expect(await reasonOf(() => unban(moderator, target))).to.equal(over);
    }
    for (const target of [admin, peer]) expect(await reasonOf(() => ban(admin, target))).to.equal(over);
    expect(await reasonOf(() => setRole(admin, peer, 'user'))).to.equal(over);
    for (const target of [user, moderator, admin])
      for (const role of ['user', 'moderator', 'admin'] as const) {
        expect(await reasonOf(() => setRole(moderator, target, role))).to.equal('forbidden not_permitted');
        expect(await reasonOf(() => setRole(user, target, role))).to.equal('forbidden not_permitted');
      }
    await giveRole(admin, 'user');
    await giveRole(peer, 'user');
  });

  it('are given by admins, up to their own, and told to the user and in the audit log', async () => {
    const [admin, ann] = [await newUser('admin'), await newUser()];
    for (const [from, to] of [
      ['user', 'moderator'],
      ['moderator', 'user'],
      ['user', 'admin'],
    ] as const) {
      expect(await setRole(admin, ann, to)).to.include({ id: ann.user.id, role: to });
      const own = await accounts.ask<OwnProfile>('GET /me', { token: ann.access_token });
      expect(own.role).to.equal(to);
      const { items } = await log(admin, { actor: admin.user.id, limit: '1' });
      expect(items[0]).to.deep.include({
        action: 'role_change',
        target_type: 'user',
        target_id: ann.user.id,
        detail: { from, to },
        ip: '192.0.2.1',
        request_id: 'r-1',
      });
    }
    // The same once more changes nothing, and tells nothing; but it is not for an equal to say.
    expect(await reasonOf(() => setRole(admin, ann, 'admin'))).to.equal('forbidden role_not_lower');
    expect(await setRole(admin, admin, 'admin')).to.include({ role: 'admin' });
    const { items } = await log(admin, { actor: admin.user.id });
    expect(items.filter(({ action }) => action === 'role_change')).to.have.length(3);
    await giveRole(ann, 'user');
    await giveRole(admin, 'user');
  });

  it('keep their last admin, also where the last two step down at once', async () => {
    const [ann, bob] = [await newUser('admin'), await newUser('admin')];
    expect(await setRole(ann, ann, 'user')).to.include({ role: 'user' });
    expect(await reasonOf(() => setRole(bob, bob, 'moderator'))).to.equal('conflict last_admin');
    for (let round = 0; round < 5; round++) {
      await giveRole(ann, 'admin');
      const outcomes = await Promise.allSettled([setRole(ann, ann, 'user'), setRole(bob, bob, 'user')]);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
      await giveRole(bob, 'admin');
    }
    await giveRole(ann, 'user');
    // One who is banned or gone is none who could go on.
    await giveRole(ann, 'admin');
    await accounts.db.query(sql.unsafe`update users set banned_at = now() where id = ${ann.user.id}`);
    expect(await reasonOf(() => setRole(bob, bob, 'user'))).to.equal('conflict last_admin');
    await giveRole(ann, 'user');
    await giveRole(bob, 'user');
  });

  describe('bans', () => {
    it('end every login of the user before the answer, and let nobody in until they are lifted', async () => {
      const { login, refresh, notes, tokens, ask } = accounts;
      const [moderator, ann, bob] = [await newUser('moderator'), await newUser(), await newUser()];
      const second = await login({ username: ann.user.username });
      const banned = await ban(moderator, ann);
      expect(banned).to.include({ id: ann.user.id, role: 'user' });
      const ids = [ann, second].map(({ access_token }) => tokens.verify(access_token).login_id);
      const note = notes.at(-1);
      expect(note?.user_id).to.equal(ann.user.id);
      expect(note?.login_ids).to.have.members(ids);
      expect(await reasonOf(() => ask('GET /me', { token: second.access_token }))).to.equal(
        'unauthenticated login_revoked',
      );
      expect(await reasonOf(() => refresh(second.refresh_token))).to.equal('unauthenticated refresh_invalid');
      expect(await reasonOf(() => login({ username: ann.user.username }))).to.equal('forbidden banned');
      expect(await login({ username: bob.user.username })).to.have.property('access_token');

      expect(await ban(moderator, ann)).to.deep.equal(banned);
      expect((await unban(moderator, ann)).banned_at).to.equal(null);
      expect((await unban(moderator, ann)).banned_at).to.equal(null);
      expect(await login({ username: ann.user.username })).to.have.property('access_token');
      expect(await reasonOf(() => ask('GET /me', { token: second.access_token }))).to.equal(
        'unauthenticated login_revoked',
      );
      const admin = await newUser('admin');
      const { items } = await log(admin, { actor: moderator.user.id });
      expect(items.map(({ action, target_id, detail }) => [action, target_id, detail])).to.deep.equal([
        ['unban', ann.user.id, {}],
        ['ban', ann.user.id, { logins: 2 }],
        ['register', null, items[2]?.detail],
      ]);
      await giveRole(admin, 'user');
    });

    it('leave no login to who was just proving a password', async () => {
      const { login, db } = accounts;
      const moderator = await newUser('moderator');
      for (let round = 0; round < 10; round++) {
        const ann = await newUser();
        const tries = Array.from({ length: 4 }, () => login({ username: ann.user.username }));
        await Promise.allSettled([...tries, ban(moderator, ann)]);
        const live = await db.oneFirst(sql.unsafe`
          select count(*) from logins where user_id = ${ann.user.id} and revoked_at is null`);
        expect(live).to.equal(0);
      }
    });

    it('of nobody are not found', async () => {
      const moderator = await newUser('moderator');
      const gone = await newUser();
      await accounts.db.query(sql.unsafe`update users set deleted_at = now() where id = ${gone.user.id}`);
      const token = moderator.access_token;
      for (const id of ['01a1fb80-10bd-738e-9300-c064a046f9f6', 'nonsense', gone.user.id])
        for (const act of ['ban', 'unban'])
          expect(await reasonOf(() => accounts.ask(`POST /admin/users/{id}/${act}`, { id, token }))).to.equal(
            'not_found no_user',
          );
    });
  });

  it('show moderators the users, by any part of a name, page by page, without addresses', async () => {
    const { ask } = accounts;
    const moderator = await newUser('moderator');
    const made: string[] = [];
    for (let n = 0; n < 5; n++) {
      const { user } = await accounts.register({ username: `findme_${n}`, first_name: `50%_Zed${n}` });
      made.unshift(user.id);
    }
    const search = async (query: Record<string, string>) =>
      ask<ManagedUserList>('GET /admin/users', { token: moderator.access_token, query });
    for (const text of ['INDME_', '@findme', '%_zed', 'fi', '50'])
      expect(
        (await search({ search: text })).items.map(({ id }) => id),
        text,
      ).to.deep.equal(made);
    expect((await search({ search: 'a%b' })).items).to.deep.equal([]);
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = await search({ search: 'findme', limit: '2', ...(cursor && { cursor }) });
      seen.push(...page.items.map(({ id }) => id));
      if (page.next_cursor === null) break;
      cursor = page.next_cursor;
    }
    expect(seen).to.deep.equal(made);
    const everybody = await search({});
    expect(everybody.items.slice(0, 5).map(({ id }) => id)).to.deep.equal(made);
    expect(JSON.stringify(everybody)).to.not.include('example.com');
    expect(await reasonOf(() => search({ cursor: 'x' }))).to.equal('invalid bad_cursor');
  });

  it('find a part of a name by an index where there are many', async () => {
    const undone = new Error('undone');
    const looked = accounts.db.transaction(async (tx) => {
      await tx.query(sql.unsafe`set local statement_timeout = '50s'`);
      await tx.query(sql.unsafe`
        insert into users (id, username, display_name)
        select gen_random_uuid(), 'many' || n, md5(n::text) from generate_series(1, 10000) n`);
      await tx.query(sql.unsafe`
        select gin_clean_pending_list(index) from unnest(array[
          'users_username_trigrams', 'users_display_name_trigrams']::regclass[]) index`);
      await tx.query(sql.unsafe`analyze users`);
      for (const column of [sql.fragment`username::text`, sql.fragment`display_name`]) {
        const plan = await tx.anyFirst(typed<{ 'QUERY PLAN': string }>()`
          explain select id from users where ${column} ilike '%oyxon%' and deleted_at is null`);
        expect(plan.join('\n')).to.match(/Bitmap Index Scan on users_\w+_trigrams/);
      }
      throw undone;
    });
    expect(await looked.catch((error: unknown) => error)).to.equal(undone);
  });

  it('show admins the audit log by actor, act and time, page by page, also while it grows', async () => {
    const { clock, login } = accounts;
    const [admin, ann] = [await newUser('admin'), await newUser()];
    const actor = ann.user.id;
    const times: string[] = [];
    for (let n = 0; n < 5; n++) {
      clock.advance(1000);
      times.unshift(new Date(clock.now()).toISOString());
      await login({ username: ann.user.username });
    }
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = await log(admin, { actor, action: 'login', limit: '2', ...(cursor && { cursor }) });
      seen.push(...page.items.map(({ created_at }) => created_at));
      await login({ username: ann.user.username });
      if (page.next_cursor === null) break;
      cursor = page.next_cursor;
    }
    expect(seen).to.deep.equal(times);
    const [, second = '', , fourth = ''] = times;
    const between = await log(admin, { actor, from: fourth, to: second });
    expect(between.items.map(({ created_at }) => created_at)).to.deep.equal(times.slice(1, 4));
    expect((await log(admin, { actor, action: 'register' })).items).to.have.length(1);
    expect((await log(admin, { actor, action: 'ban' })).items).to.deep.equal([]);
    expect(await reasonOf(() => log(admin, { cursor: 'x' }))).to.equal('invalid bad_cursor');
    const ancient = '0000-01-01T00:00:00.000Z';
    expect((await log(admin, { actor, to: ancient })).items).to.deep.equal([]);
    const cursor = Buffer.from(`${ancient} ${actor}`).toString('base64url');
    expect((await log(admin, { actor, cursor })).items).to.deep.equal([]);
    await giveRole(admin, 'user');
  });
});

import { expect } from 'chai';
import { sql } from 'slonik';
import { createUserStore } from '../../../actors/user/store.ts';
import type { UserShort } from '../../../schemas/common.ts';
import { newId } from '../../../schemas/ids.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { OwnProfile, Profile } from '../../../schemas/user/profile.ts';
import { reasonOf } from '../../unit/accounts/support.ts';
import { type Accounts, startAccounts } from './support.ts';

describe('profiles', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts();
  });
  after(() => accounts?.stop());

  const me = (of: Tokens) => accounts.ask<OwnProfile>('GET /me', { token: of.access_token });
  const change = (of: Tokens, body: object) =>
    accounts.ask<OwnProfile>('PATCH /me', { token: of.access_token, body });
  const see = (of: Tokens, id: string) =>
    accounts.ask<Profile>('GET /api/v1/users/{id}', { token: of.access_token, id });

  it('show their user what logging in showed', async () => {
    const tokens = await accounts.register();
    expect(await me(tokens)).to.deep.equal(tokens.user);
  });

  it('take every field that may be changed, and the next read shows it', async () => {
    const { register, clock } = accounts;
    const tokens = await register();
    const body = {
      display_name: 'Ali 🎉',
      first_name: 'Ali',
      last_name: 'Valiyev',
      username: 'ali_valiyev',
      bio: 'bio',
      about: 'about\nin two lines',
      level: 'B2',
      timezone: 'Asia/Tashkent',
      interests_txt: 'chess, cooking',
      settings: { theme: 'dark', list: [1, { deep: null }] },
    };
    clock.advance(1000);
    const changed = await change(tokens, body);
    expect(changed).to.deep.include(body);
    expect(Date.parse(changed.updated_at) - Date.parse(changed.created_at)).to.equal(1000);
    expect(await me(tokens)).to.deep.equal(changed);
  });

  it('leave what is absent as it is, and clear what is null', async () => {
    const tokens = await accounts.register({ first_name: 'Ali', last_name: 'Valiyev' });
    const full = await change(tokens, { bio: 'bio', level: 'A1', timezone: 'UTC', settings: { a: 1 } });
    const same = await change(tokens, {});
    expect(same).to.deep.equal(full);
    const cleared = await change(tokens, {
      bio: null,
      level: null,
      timezone: null,
      settings: null,
      about: null,
    });
    expect(cleared).to.deep.include({ bio: null, level: null, timezone: null, settings: {}, about: null });
    expect(cleared).to.include({ first_name: 'Ali', last_name: 'Valiyev', display_name: 'Ali Valiyev' });
  });

  it('make a cleared display name the default of the names as they are then', async () => {
    const tokens = await accounts.register({ first_name: 'Ali' });
    expect((await change(tokens, { display_name: 'Boss' })).display_name).to.equal('Boss');
    expect((await change(tokens, { display_name: null, last_name: 'Valiyev' })).display_name).to.equal(
      'Ali Valiyev',
    );
    const bare = await change(tokens, { display_name: null, first_name: null, last_name: null });
    expect(bare.display_name).to.equal(bare.username);
  });

  it('refuse what breaks the schema, above all fields that are not the user’s to set', async () => {
    const tokens = await accounts.register();
    const bad = [
      { role: 'admin' },
      { id: newId() },
      { number: 1 },
      { email: 'other@example.com' },
      { email_verified: true },
      { password_hash: 'x' },
      { followers_count: 1 },
      { banned_at: null },
      { avatar_id: 'mine' },
      { username: null },
      { username: 'no spaces' },
      { display_name: '' },
      { display_name: 'x'.repeat(65) },
      { level: 'D1' },
      { settings: [] },
      { settings: 'dark' },
      { bio: 7 },
    ];
    for (const body of bad)
      expect(await reasonOf(() => change(tokens, body)), JSON.stringify(body)).to.equal('invalid');
    expect(await me(tokens)).to.deep.equal(tokens.user);
  });

  it('have a second shape, that sets the names and the bio as a whole, and nothing else', async () => {
    const { register, ask } = accounts;
    const tokens = await register({ first_name: 'Ali', last_name: 'Valiyev' });
    const put = (body: object) =>
      ask<OwnProfile>('PUT /api/v1/users/profile', { token: tokens.access_token, body });
    const before = await change(tokens, { bio: 'bio', about: 'about', level: 'C1', settings: { a: 1 } });
    const cleared = { first_name: null, last_name: 'Karimov', bio: null };
    const set = await put({ last_name: 'Karimov' });
    expect({ ...set, updated_at: '' }).to.deep.equal({ ...before, ...cleared, updated_at: '' });
    expect((await put({ username: `${before.username}_2`, bio: 'b' })).username).to.equal(
      `${before.username}_2`,
    );
    const other = {
      email: 'a@b.c',
      display_name: 'Boss',
      level: 'A1',
      about: 'x',
      settings: {},
      role: 'admin',
    };
    for (const [field, value] of Object.entries({ ...other, timezone: 'UTC', id: newId(), number: 1 }))
      expect(await reasonOf(() => put({ [field]: value })), field).to.equal('invalid');
    expect(await reasonOf(() => put({ username: null }))).to.equal('invalid');
    expect(await ask('GET /api/v1/users/profile', { token: tokens.access_token })).to.deep.equal(
      await me(tokens),
    );
  });

  it('set nothing but their fields even where no schema stands before them', async () => {
    const { register, call, metaOf } = accounts;
    const tokens = await register();
    const sneaky = {
      bio: 'bio',
      role: 'admin',
      id: newId(),
      followers_count: 5,
      email: 'a@b.c',
      user_id: newId(),
    };
    const changed = await call<OwnProfile>('users.update', { changes: sneaky }, metaOf(tokens));
    expect({ ...changed, updated_at: tokens.user.updated_at }).to.deep.equal({ ...tokens.user, bio: 'bio' });
  });

  it('refuse names that are taken or reserved, unknown time zones and overlarge settings', async () => {
    const { register, db } = accounts;
    const tokens = await register();
    const other = await register();
    const username = other.user.username.toUpperCase();
    expect(await reasonOf(() => change(tokens, { username }))).to.equal('conflict username_taken');
    expect(await reasonOf(() => change(tokens, { username: 'Admin' }))).to.equal(
      'unprocessable username_reserved',
    );
    for (const timezone of ['Mars/Olympus', '+05:00', 'UTC; drop'])
      expect(await reasonOf(() => change(tokens, { timezone }))).to.equal('unprocessable timezone_unknown');
    expect(await reasonOf(() => change(tokens, { settings: { a: 'x'.repeat(9000) } }))).to.equal(
      'unprocessable settings_too_large',
    );
    const nested = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;
    expect(await reasonOf(() => change(tokens, { settings: { nested } }))).to.equal(
      'unprocessable settings_too_large',
    );
    const own = tokens.user.username.toUpperCase();
    expect((await change(tokens, { username: own })).username).to.equal(own);
    await db.query(sql.unsafe`update users set username = 'user7' where id = ${tokens.user.id}`);
    expect((await change(tokens, { username: 'user7' })).username, 'a given name is kept').to.equal('user7');
  });

  it('show others by id and by username what is public, and nothing else', async () => {
    const { register } = accounts;
    const tokens = await register({ first_name: 'Ali' });
    const viewer = await register();
    await change(tokens, { timezone: 'UTC', interests_txt: 'secret', settings: { a: 1 } });
    const seen = await see(viewer, tokens.user.id);
    const { email, email_verified, timezone, interests_txt, role, settings, ...open } = await me(tokens);
    expect(seen).to.deep.equal(open);
    expect([email, email_verified, timezone, interests_txt, role, settings]).to.have.length(6);
    expect(await see(viewer, tokens.user.username.toUpperCase())).to.deep.equal(seen);
    expect(await see(viewer, tokens.user.id.toUpperCase())).to.deep.equal(seen);
  });

  it('are not found for the unknown and the gone', async () => {
    const { register, db, call } = accounts;
    const viewer = await register();
    const { user } = await register();
    await db.query(sql.unsafe`update users set deleted_at = now() where id = ${user.id}`);
    for (const id of [user.id, user.username, newId(), 'nobody_at_all', 'a b', '%', '\0'])
      expect(await reasonOf(() => see(viewer, id)), JSON.stringify(id)).to.equal('not_found no_user');
    for (const username of [user.username, 'nobody_at_all', '\0'])
      expect(await reasonOf(() => call('users.by_username', { username }, { request_id: 'r-1' }))).to.equal(
        'not_found no_user',
      );
  });

  it('end with the account: its own tokens show nothing any more', async () => {
    const { register, db } = accounts;
    const tokens = await register();
    await db.query(sql.unsafe`update users set deleted_at = now() where id = ${tokens.user.id}`);
    expect(await reasonOf(() => me(tokens))).to.equal('unauthenticated no_account');
    expect(await reasonOf(() => change(tokens, { bio: 'x' }))).to.equal('unauthenticated no_account');
  });

  it('have a short form for chats, of those who exist', async () => {
    const { register, db, call } = accounts;
    const { user } = await register({ first_name: 'Ali' });
    const gone = await register();
    await db.query(sql.unsafe`update users set deleted_at = now() where id = ${gone.user.id}`);
    const meta = { request_id: 'r-1' };
    const short = { id: user.id, username: user.username, display_name: 'Ali', avatar: null };
    const ids = [user.id, gone.user.id, newId(), user.id];
    expect(await call<UserShort[]>('users.shorts', { ids }, meta)).to.deep.equal([short]);
    expect(await call<UserShort[]>('users.shorts', { ids: [] }, meta)).to.deep.equal([]);
    const username = user.username.toUpperCase();
    expect(await call<UserShort>('users.by_username', { username }, meta)).to.deep.equal(short);
  });

  it('remember when their users were last online, and never an earlier time', async () => {
    const { register, db, clock } = accounts;
    const one = (await register()).user.id;
    const two = (await register()).user.id;
    const read = async (id: string) =>
      Date.parse(String(await db.oneFirst(sql.unsafe`select last_seen_at from users where id = ${id}`)));
    const now = clock.now();
    const store = createUserStore(db);
    const seen = (id: string, at: number) => ({ id, mark: { at: new Date(at).toISOString() } });
    await db.transaction((tx) =>
      store.writeSeen(tx, [seen(one, now), seen(two, now - 5), seen(newId(), now)]),
    );
    await db.transaction((tx) => store.writeSeen(tx, [seen(one, now - 1000)]));
    expect([await read(one), await read(two)]).to.deep.equal([now, now - 5]);
    expect(await store.lastSeen(newId())).to.equal(null);
  });
});

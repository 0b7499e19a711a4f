import { expect } from 'chai';
import { sql } from 'slonik';
import type { ProfileList, Tokens } from '../../../schemas/rest/accounts.ts';
import { reasonOf } from '../../unit/accounts/support.ts';
import { type Accounts, startAccounts } from './support.ts';

describe('searching for users', () => {
  let accounts: Accounts;
  let viewer: Tokens;

  before(async () => {
    accounts = await startAccounts();
    viewer = await accounts.register({ username: 'viewer' });
    const people = [
      ['navoiy', 'Alisher'],
      ['navoiy_fan', 'Reader'],
      ['poet', 'Navoiyning ukasi'],
      ['gazelle', 'Alisher Navoiy'],
      ['navoy', 'Misspelt'],
      ['under_score', 'Sign'],
      ['underXscore', 'Letter'],
    ];
    for (const [username, first_name] of people) await accounts.register({ username, first_name });
  });
  after(() => accounts?.stop());

  const list = (query: Record<string, string>) =>
    accounts.ask<ProfileList>('GET /api/v1/users', { token: viewer.access_token, query });
  const names = async (search: string) => (await list({ search })).items.map(({ username }) => username);

  it('finds the name itself first, then what begins so, then names of which a word does, then what is alike', async () => {
    const found = await names('navoiy');
    expect(found.slice(0, 2)).to.deep.equal(['navoiy', 'navoiy_fan']);
    expect(found.slice(2, 4)).to.have.members(['poet', 'gazelle']);
    expect(found.slice(4)).to.deep.equal(['navoy']);
  });

  it('does not mind case, blanks around, a leading @ or a slip of the pen', async () => {
    expect(await names('  @NAVOIY ')).to.deep.equal(await names('navoiy'));
    expect(await names('navoyi')).to.include('navoiy');
    expect(await names('n')).to.include.members(['navoiy', 'gazelle']);
  });

  it('takes every sign for itself, not for a pattern', async () => {
    expect((await names('under_s'))[0]).to.equal('under_score');
    expect(await names('%')).to.deep.equal([]);
    expect(await names('\\')).to.deep.equal([]);
    expect(await names("'; drop table users; --")).to.deep.equal([]);
    expect(await reasonOf(() => list({ search: '\0' }))).to.equal('invalid');
    expect(await reasonOf(() => list({ search: 'x'.repeat(101) }))).to.equal('invalid');
  });

  it('shows only what is public, and nobody who is gone', async () => {
    const { register, db } = accounts;
    const { user } = await register({ username: 'vanishing' });
    const { items } = await list({ search: 'vanishing' });
    const { email, email_verified, timezone, interests_txt, role, settings, ...open } = user;
    expect(items).to.deep.equal([open]);
    expect([email, email_verified, timezone, interests_txt, role, settings]).to.have.length(6);
    await db.query(sql.unsafe`update users set deleted_at = now() where id = ${user.id}`);
    expect(await names('vanishing')).to.deep.equal([]);
  });

  it('pages through everything once, also while people join', async () => {
    const { register } = accounts;
    for (let i = 0; i < 7; i++) await register({ username: `pager_${i}` });
    const all = (await list({ search: 'pager', limit: '100' })).items.map(({ username }) => username);
    expect(all).to.have.length(7);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: ProfileList = await list({ search: 'pager', limit: '3', ...(cursor && { cursor }) });
      expect(page.items.length).to.be.at.most(3);
      seen.push(...page.items.map(({ username }) => username));
      cursor = page.next_cursor;
      if (seen.length === 3) await register({ username: 'pager' });
    } while (cursor !== null);
    expect(seen).to.deep.equal(all);
  });

  it('stands by what it took a slip of the pen for, while alike names are added', async () => {
    const { register } = accounts;
    const made = ['zulfiya', 'zulfizar', 'zulfikor'];
    for (const name of made) for (let i = 0; i < 3; i++) await register({ username: `${name}_${i}` });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: ProfileList = await list({ search: 'zulfixa', limit: '2', ...(cursor && { cursor }) });
      seen.push(...page.items.map(({ username }) => username));
      cursor = page.next_cursor;
      await register({ username: `zulfix${'abcdefgh'[seen.length % 8]}${seen.length}` });
    } while (cursor !== null);
    const expected = made.flatMap((name) => [0, 1, 2].map((i) => `${name}_${i}`));
    expect(seen.filter((name) => name.includes('_')).sort()).to.deep.equal([...expected].sort());
    expect(new Set(seen).size, 'nobody twice').to.equal(seen.length);
  });

  it('finds words of other scripts, whole names, names with digits, and each person once', async () => {
    const { register } = accounts;
    await register({ username: 'kirill_1', first_name: 'Нилуфар', last_name: 'Саидова' });
    await register({ username: 'kirill_2', first_name: 'Саид', last_name: 'Нилуфаров' });
    await register({ username: 'shahnoza7919', first_name: 'Shahnoza', last_name: 'Shahnozayeva Shahnoza' });
    expect(await names('нилу')).to.deep.equal(['kirill_1', 'kirill_2']);
    expect(await names('НИЛУФАР Саи')).to.deep.equal(['kirill_1']);
    expect(await names('нилуфор саидова'), 'two words, one with a slip').to.deep.equal(['kirill_1']);
    expect(await names('нелуфар')).to.deep.equal(['kirill_1', 'kirill_2']);
    expect(await names('shahnoza')).to.deep.equal(['shahnoza7919']);
    expect((await names('shahnosa7919'))[0]).to.equal('shahnoza7919');
    for (const search of ['😀😀😀', 'щщ', 'q'.repeat(100), '   .  ', 'a b c d e f'])
      expect(await names(search), search).to.deep.equal([]);
  });

  it('goes on past many who were found before, in pages that may be short, and misses nobody', async () => {
    const { db } = accounts;
    // All begin so twice, but for the last: each page past the usernames has to read over them.
    await db.query(sql.unsafe`
      insert into users (id, username, display_name)
      select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'munisa' || n, 'Munisa Munisova' from generate_series(1, 3000) n`);
    await db.query(sql.unsafe`
      insert into users (id, username, display_name) values ('00000000-0000-7000-9000-000000000000', 'the_last', 'Munisa Zulfiyeva')`);
    const seen = new Set<string>();
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page: ProfileList = await list({ search: 'munisa', limit: '100', ...(cursor && { cursor }) });
      for (const { username } of page.items) {
        expect(seen.has(username), username).to.equal(false);
        seen.add(username);
      }
      cursor = page.next_cursor;
      pages++;
    } while (cursor !== null);
    expect(seen.size).to.equal(3001);
    expect(seen.has('the_last')).to.equal(true);
    expect(pages).to.be.at.most(45);
  });

  it('answers alike on all of its paths', async () => {
    const ask = (path: string, query: Record<string, string>) =>
      accounts.ask<ProfileList>(path, { token: viewer.access_token, query });
    const found = await list({ search: 'navoiy', limit: '2' });
    expect(await ask('GET /api/v1/user', { search: 'navoiy', limit: '2' })).to.deep.equal(found);
    expect(await ask('GET /search', { username: 'navoiy', limit: '2' })).to.deep.equal(found);
    const cursor = found.next_cursor ?? '';
    expect(await ask('GET /search', { username: 'navoiy', limit: '2', cursor })).to.deep.equal(
      await list({ search: 'navoiy', limit: '2', cursor }),
    );
  });

  it('lists everybody, newest first, when nothing is searched for', async () => {
    const { user } = await accounts.register();
    const first = await list({ limit: '2' });
    expect(first.items[0]?.id).to.equal(user.id);
    const second = await list({ limit: '2', search: ' ', cursor: first.next_cursor ?? '' });
    const ids = [...first.items, ...second.items].map(({ id }) => id);
    expect(ids).to.deep.equal([...ids].sort().reverse());
    expect(new Set(ids).size).to.equal(4);
  });

  it('refuses cursors that it did not give, and pages of no or too many users', async () => {
    for (const cursor of ['', 'made-up', Buffer.from('1.x').toString('base64url')])
      expect(await reasonOf(() => list({ search: 'a', cursor })), cursor).to.equal('invalid bad_cursor');
    for (const limit of ['0', '101', '-1', 'ten', '1.5'])
      expect(await reasonOf(() => list({ search: 'a', limit })), limit).to.equal('invalid');
  });
});

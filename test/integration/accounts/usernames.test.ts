import { expect } from 'chai';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { OwnProfile } from '../../../schemas/user/profile.ts';
import { eraseUser } from '../../../services/users/account.store.ts';
import { reasonOf } from '../../unit/accounts/support.ts';
import { type Accounts, startAccounts } from './support.ts';

const dayMs = 86_400_000;

describe('usernames', () => {
  let accounts: Accounts;
  beforeEach(async () => {
    accounts = await startAccounts();
  });
  afterEach(() => accounts?.stop());

  /** By the action itself: access tokens end long before a name has rested. */
  const rename = (of: Tokens, username: string) =>
    accounts.call<OwnProfile>('users.update', { changes: { username } }, accounts.metaOf(of));
  const refusal = (of: Tokens, username: string) => reasonOf(() => rename(of, username));
  const taken = 'conflict username_taken';

  it('rest for 30 days when they are given up, for those who rename and those who register alike', async () => {
    const { register, clock } = accounts;
    const [ann, bob] = [await register({ username: 'navruz' }), await register()];
    const meta = accounts.metaOf(bob);
    const take = () => accounts.call<OwnProfile>('users.update', { changes: { username: 'NAVRUZ' } }, meta);
    await rename(ann, 'navruz_2');
    expect(await reasonOf(take)).to.equal(taken);
    expect(await reasonOf(() => register({ username: 'Navruz' }))).to.equal(taken);
    clock.advance(30 * dayMs - 1000);
    expect(await reasonOf(take)).to.equal(taken);
    clock.advance(1001);
    expect((await take()).username).to.equal('NAVRUZ');
  });

  it('go back to their last owner at any time, the reserved ones too, but not when another has them by then', async () => {
    const { register, clock } = accounts;
    const [ann, bob] = [await register({ username: 'hamal' }), await register()];
    const [annMeta, bobMeta] = [accounts.metaOf(ann), accounts.metaOf(bob)];
    const as = (meta: typeof annMeta, username: string) =>
      accounts.call<OwnProfile>('users.update', { changes: { username } }, meta);
    await as(annMeta, 'savr');
    expect((await as(annMeta, 'Hamal')).username).to.equal('Hamal');
    await as(annMeta, 'javzo');
    clock.advance(31 * dayMs);
    await as(bobMeta, 'hamal');
    expect(await reasonOf(() => as(annMeta, 'hamal'))).to.equal(taken);
    await as(bobMeta, 'saraton');
    expect(await reasonOf(() => as(annMeta, 'hamal')), 'its last owner, not an earlier one').to.equal(taken);
  });

  it('rest after their account has ended, and cannot be found any more', async () => {
    const { register, db, clock } = accounts;
    const [ann, bob] = [await register({ username: 'asad' }), await register()];
    await db.transaction((tx) => eraseUser(tx, ann.user.id, clock.now()));
    expect(await refusal(bob, 'asad')).to.equal(taken);
    expect(await reasonOf(() => register({ username: `deleted-${ann.user.number}` }))).to.equal('invalid');
    const meta = accounts.metaOf(bob);
    clock.advance(31 * dayMs);
    const now = await accounts.call<OwnProfile>('users.update', { changes: { username: 'asad' } }, meta);
    expect(now.username).to.equal('asad');
  });

  it('are one user’s when many want one at once, and when one is given up meanwhile', async () => {
    const { register } = accounts;
    const people = await Promise.all(Array.from({ length: 8 }, () => register()));
    const [owner, ...others] = people as [Tokens, ...Tokens[]];
    const all = await Promise.allSettled(people.map((tokens) => rename(tokens, 'mezon')));
    expect(all.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    await rename(owner, 'aqrab').catch(() => undefined);
    for (let round = 0; round < 5; round++) {
      const from =
        round === 0 ? await register({ username: 'qavs0' }) : await register({ username: `qavs${round}` });
      const outcomes = await Promise.allSettled([
        rename(from, `jadi${round}`),
        ...others.map((tokens) => rename(tokens, `qavs${round}`)),
      ]);
      expect(outcomes[0]?.status).to.equal('fulfilled');
      const won = outcomes.slice(1).filter(({ status }) => status === 'fulfilled');
      expect(won, 'nobody gets a name that was given up this very moment').to.have.length(0);
    }
  });

  it('can be kept from others by giving them up five times a month, and not more', async () => {
    const { register, clock } = accounts;
    const ann = await register({ username: 'first' });
    const meta = accounts.metaOf(ann);
    const as = (username: string) =>
      accounts.call<OwnProfile>('users.update', { changes: { username } }, meta);
    for (let n = 1; n <= 5; n++) await as(`name_${n}`);
    expect(await reasonOf(() => as('name_6'))).to.equal('rate_limited too_many_usernames');
    expect((await as('NAME_5')).username, 'only the case').to.equal('NAME_5');
    expect((await as('name_2')).username, 'one of the five').to.equal('name_2');
    clock.advance(30 * dayMs + 1);
    expect((await as('name_6')).username).to.equal('name_6');
  });
});

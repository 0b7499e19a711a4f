import { expect } from 'chai';
import { sql } from 'slonik';
import { newId } from '../../../schemas/ids.ts';
import type { LoginList, Ticket, Tokens } from '../../../schemas/rest/accounts.ts';
import type { RevokedLogins } from '../../../schemas/subjects.ts';
import { revokedSince } from '../../../services/users/logins.store.ts';
import { reasonOf } from '../../unit/accounts/support.ts';
import { type Accounts, startAccounts } from './support.ts';

describe('logins', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts();
  });
  after(() => accounts?.stop());

  const idOf = (of: Tokens) => accounts.tokens.verify(of.access_token).login_id;
  const list = (of: Tokens, query: Record<string, string> = {}) =>
    accounts.ask<LoginList>('GET /api/v1/auth/logins', { token: of.access_token, query });

  it('end by logging out: in SQL, then on the bus, before the answer', async () => {
    const { register, ask, refresh, bus, call, metaOf, notes, db } = accounts;
    const tokens = await register();
    const meta = metaOf(tokens);
    notes.length = 0;
    let revokedBefore: Promise<boolean> | undefined;
    const end = bus.subscribe('logins.revoked', () => {
      const login_id = meta.login_id ?? '';
      revokedBefore = db.exists(sql.unsafe`
        select 1 from logins where id = ${login_id} and revoked_at is not null`);
    });
    await ask('POST /api/v1/auth/logout', { token: tokens.access_token });
    end();
    expect(await revokedBefore).to.equal(true);
    expect(notes).to.deep.equal([{ user_id: tokens.user.id, login_ids: [meta.login_id] }]);
    expect(await reasonOf(() => ask('GET /me', { token: tokens.access_token }))).to.equal(
      'unauthenticated login_revoked',
    );
    expect(await reasonOf(() => refresh(tokens.refresh_token))).to.equal('unauthenticated refresh_invalid');
    notes.length = 0;
    await call('users.logout', {}, meta);
    expect(notes, 'a repeat does nothing').to.deep.equal([]);
  });

  it('end all at once, and only those of the caller', async () => {
    const { register, login, ask, refresh, notes } = accounts;
    const one = await register();
    const two = await login({ username: one.user.username });
    const stranger = await register();
    notes.length = 0;
    await ask('POST /api/v1/auth/logout-all', { token: two.access_token });
    expect(notes).to.have.length(1);
    expect(notes[0]?.user_id).to.equal(one.user.id);
    expect(notes[0]?.login_ids).to.have.members([idOf(one), idOf(two)]);
    for (const { refresh_token } of [one, two])
      expect(await reasonOf(() => refresh(refresh_token))).to.equal('unauthenticated refresh_invalid');
    await refresh(stranger.refresh_token);
  });

  it('are listed with device and address, newest first, and say which one asks', async () => {
    const { register, login, refresh, clock } = accounts;
    const first = await register();
    clock.advance(1000);
    const second = await login({ username: first.user.username }, { device: 'phone', ip: '2001:db8::1' });
    clock.advance(1000);
    await refresh(second.refresh_token);
    const { items, next_cursor } = await list(first);
    expect(next_cursor).to.equal(null);
    expect(items.map(({ id, device, ip, current }) => ({ id, device, ip, current }))).to.deep.equal([
      { id: idOf(second), device: 'phone', ip: '2001:db8::1', current: false },
      { id: idOf(first), device: 'test', ip: '192.0.2.1', current: true },
    ]);
    const [newest] = items;
    expect(Date.parse(newest?.last_used_at ?? '') - Date.parse(newest?.created_at ?? '')).to.equal(1000);
    expect(Object.keys(newest ?? {}).sort()).to.deep.equal([
      'created_at',
      'current',
      'device',
      'id',
      'ip',
      'last_used_at',
    ]);
  });

  it('are listed in pages, without what has expired or was revoked', async () => {
    const { register, login, ask, clock } = accounts;
    const oldest = await register();
    const username = oldest.user.username;
    clock.advance(604_800_000);
    const made: Tokens[] = [];
    for (let i = 0; i < 4; i++) made.push(await login({ username }));
    const [one, two, three, four] = made as [Tokens, Tokens, Tokens, Tokens];
    await ask('DELETE /api/v1/auth/logins/{id}', { token: one.access_token, id: idOf(two) });
    const page = await list(one, { limit: '2' });
    expect(page.items.map(({ id }) => id)).to.deep.equal([idOf(four), idOf(three)]);
    const rest = await list(one, { limit: '2', cursor: page.next_cursor ?? '' });
    expect(rest.items.map(({ id }) => id)).to.deep.equal([idOf(one)]);
    expect(rest.next_cursor).to.equal(null);
    expect(await reasonOf(() => list(one, { cursor: 'made-up' }))).to.equal('invalid bad_cursor');
    expect(await reasonOf(() => list(one, { limit: '101' }))).to.equal('invalid');
    expect(await reasonOf(() => list(one, { limit: '0' }))).to.equal('invalid');
  });

  it('of somebody else cannot be ended, nor be told from those that do not exist', async () => {
    const { register, ask, refresh, notes } = accounts;
    const mine = await register();
    const theirs = await register();
    notes.length = 0;
    for (const id of [idOf(theirs), newId(), 'not-an-id', ''])
      expect(
        await reasonOf(() => ask('DELETE /api/v1/auth/logins/{id}', { token: mine.access_token, id })),
      ).to.equal('not_found no_login');
    expect(notes).to.deep.equal([]);
    await refresh(theirs.refresh_token);
    await ask('DELETE /api/v1/auth/logins/{id}', { token: mine.access_token, id: idOf(mine).toUpperCase() });
    expect(notes).to.deep.equal([{ user_id: mine.user.id, login_ids: [idOf(mine)] }]);
  });

  it('that were revoked lately can be read back by user', async () => {
    const { register, login, ask, db, clock } = accounts;
    const one = await register();
    const two = await login({ username: one.user.username });
    clock.advance(1_000_000_000);
    const fresh = await login({ username: one.user.username });
    await ask('POST /api/v1/auth/logout-all', { token: fresh.access_token });
    expect(await revokedSince(db, clock.now())).to.deep.equal([
      { user_id: one.user.id, login_ids: [idOf(fresh)] },
    ]);
    expect(await revokedSince(db, clock.now() + 1)).to.deep.equal([]);
    expect(two.user.id, 'its login had expired by then').to.equal(one.user.id);
  });

  it('that were revoked lately can be read back in pages, by their ids', async () => {
    const { register, login, ask, call, clock } = accounts;
    clock.advance(1_000_000_000);
    const made: Tokens[] = [];
    for (let users = 0; users < 3; users++) {
      const one = await register();
      made.push(one, await login({ username: one.user.username }));
      await ask('POST /api/v1/auth/logout-all', { token: one.access_token });
    }
    const ids = made.map(idOf).sort();
    const page = async (limit: number, after?: string) => {
      const params = { since: clock.now(), limit, ...(after !== undefined && { after }) };
      const notes = await call<RevokedLogins[]>('users.revoked', params, { request_id: newId() });
      return notes.flatMap(({ login_ids }) => login_ids).sort();
    };
    expect(await page(4)).to.deep.equal(ids.slice(0, 4));
    expect(await page(4, ids[3])).to.deep.equal(ids.slice(4));
    expect(await page(4, ids[5])).to.deep.equal([]);
  });

  it('are needed for whatever is not open', async () => {
    const { ask, call } = accounts;
    const closed = [
      'POST /api/v1/auth/logout',
      'POST /api/v1/auth/logout-all',
      'GET /api/v1/auth/logins',
      'DELETE /api/v1/auth/logins/{id}',
      'POST /api/v1/ws-ticket',
      'GET /me',
      'GET /api/v1/users',
      'GET /api/v1/users/{id}',
    ];
    for (const name of closed)
      expect(await reasonOf(() => ask(name, { id: newId() })), name).to.equal(
        'unauthenticated token_invalid',
      );
    for (const action of [
      'me',
      'update',
      'logout',
      'logout_all',
      'logins',
      'revoke_login',
      'ws_ticket',
      'get',
    ])
      expect(
        await reasonOf(() => call(`users.${action}`, { user_id: newId() }, { request_id: 'r-1' })),
        action,
      ).to.equal('unauthenticated');
  });

  describe('make tickets for sockets', () => {
    const ticketOf = (of: Tokens) =>
      accounts.ask<Ticket>('POST /api/v1/ws-ticket', { token: of.access_token });
    const take = (ticket: string) =>
      accounts.call<object>('users.take_ticket', { ticket }, { request_id: 'r-1' });

    it('that speak for the login once', async () => {
      const { register } = accounts;
      const tokens = await register();
      const { ticket, expires_in } = await ticketOf(tokens);
      expect(expires_in).to.equal(30);
      const both = await Promise.allSettled([take(ticket), take(ticket)]);
      expect(both.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected']);
      expect((both[0] as PromiseFulfilledResult<object>).value).to.deep.equal({
        user_id: tokens.user.id,
        login_id: idOf(tokens),
      });
      expect(await reasonOf(() => take(ticket))).to.equal('unauthenticated ticket_invalid');
    });

    it('that end after 30 seconds, with the login, and with the account', async () => {
      const { register, ask, clock, db } = accounts;
      const late = await ticketOf(await register());
      clock.advance(30_000);
      expect(await reasonOf(() => take(late.ticket))).to.equal('unauthenticated ticket_invalid');

      const left = await register();
      const orphan = await ticketOf(left);
      await ask('POST /api/v1/auth/logout', { token: left.access_token });
      expect(await reasonOf(() => take(orphan.ticket))).to.equal('unauthenticated ticket_invalid');

      const bad = await register();
      const barred = await ticketOf(bad);
      await db.query(sql.unsafe`update users set banned_at = now() where id = ${bad.user.id}`);
      expect(await reasonOf(() => take(barred.ticket))).to.equal('unauthenticated ticket_invalid');
      expect(await reasonOf(() => take(''))).to.equal('unauthenticated ticket_invalid');
    });
  });
});

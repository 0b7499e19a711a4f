import { expect } from 'chai';
import { sql } from 'slonik';
import { typed } from '../../../ops/connections/postgres.ts';
import { audit } from '../../../ops/security/audit-log.ts';
import { auditDetails } from '../../../schemas/audit.ts';
import { newId } from '../../../schemas/ids.ts';
import { validator } from '../../../schemas/validator.ts';
import { reasonOf } from '../../unit/accounts/support.ts';
import { type Accounts, password, startAccounts } from './support.ts';

interface Kept {
  actor_id: string | null;
  action: keyof typeof auditDetails;
  target_type: string | null;
  target_id: string | null;
  detail: object;
  ip: string | null;
  request_id: string | null;
}

describe('the audit log', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts();
  });
  after(() => accounts.stop());

  async function kept(): Promise<readonly Kept[]> {
    return accounts.db.any(typed<Kept>()`select * from audit_logs order by created_at, id`);
  }

  /** What was written while this was done. */
  async function written(doing: () => Promise<unknown>): Promise<Kept[]> {
    const before = (await kept()).length;
    await doing();
    return (await kept()).slice(before);
  }

  const from = { ip: '192.0.2.1', request_id: 'r-1' };

  it('tells of accounts that begin and of logins, by user and login, with address and request', async () => {
    const { register, login, tokens } = accounts;
    const [registered] = await written(async () => {
      const user = await register();
      const { user_id, login_id } = tokens.verify(user.access_token);
      const [entry] = (await kept()).slice(-1);
      expect(entry).to.deep.include({ actor_id: user_id, detail: { login_id, way: 'password' } });
    });
    expect(registered).to.deep.include({ action: 'register', target_type: null, target_id: null, ...from });
    const user = await register();
    const [entered, ...more] = await written(() => login({ username: user.user.username }));
    expect(entered).to.deep.include({ action: 'login', actor_id: user.user.id, ...from });
    expect(more).to.deep.equal([]);
  });

  it('tells of tries that failed: of whom where there is such a one, and never by which name', async () => {
    const { register, login, db } = accounts;
    const { user } = await register();
    const wrong = { username: user.username, password: 'not the right one' };
    const unknown = { email: 'nobody@nowhere.example', password: 'not the right one' };
    const known = await written(() => reasonOf(() => login(wrong)));
    expect(known).to.have.length(1);
    expect(known[0]).to.deep.include({
      action: 'login_failed',
      actor_id: user.id,
      detail: { reason: 'bad_credentials' },
    });
    const nobody = await written(() => reasonOf(() => login(unknown)));
    expect(nobody).to.have.length(1);
    expect(nobody[0]).to.deep.include({ actor_id: null, detail: { reason: 'bad_credentials' }, ...from });
    await db.query(sql.unsafe`update users set banned_at = now() where id = ${user.id}`);
    const banned = await written(() => reasonOf(() => login({ username: user.username })));
    expect(banned.map(({ detail }) => detail)).to.deep.equal([{ reason: 'banned' }]);
  });

  it('tells of logins that end: one, one by name, all, and by a token that came twice', async () => {
    const { register, login, ask, refresh, clock, tokens } = accounts;
    const first = await register();
    const user = first.user;
    const again = () => login({ username: user.username });
    const loginOf = (token: string) => tokens.verify(token).login_id;

    const out = await again();
    const token = out.access_token;
    const [logout] = await written(() => ask('POST /api/v1/auth/logout', { token }));
    expect(logout).to.deep.include({
      action: 'logout',
      actor_id: user.id,
      target_type: 'login',
      target_id: loginOf(token),
      ...from,
    });

    const other = loginOf((await again()).access_token);
    const revoking = { id: other, token: first.access_token };
    const revoked = await written(() => ask('DELETE /api/v1/auth/logins/{id}', revoking));
    expect(revoked.map(({ action, target_id }) => [action, target_id])).to.deep.equal([
      ['revoke_login', other],
    ]);
    expect(
      await written(() => reasonOf(() => ask('DELETE /api/v1/auth/logins/{id}', revoking))),
    ).to.deep.equal([]);

    const stolen = await again();
    await refresh(stolen.refresh_token);
    clock.advance(11_000);
    const reused = await written(() => reasonOf(() => refresh(stolen.refresh_token)));
    expect(reused).to.have.length(1);
    expect(reused[0]).to.deep.include({
      action: 'refresh_reused',
      actor_id: user.id,
      target_id: loginOf(stolen.access_token),
    });

    await again();
    const all = await written(() => ask('POST /api/v1/auth/logout-all', { token: first.access_token }));
    expect(all.map(({ action, detail }) => [action, detail])).to.deep.equal([['logout_all', { logins: 2 }]]);
  });

  it('has an entry exactly where the act was done: both are undone together', async () => {
    const { db, clock } = accounts;
    const actor_id = newId();
    const entry = { action: 'unban', detail: {}, actor_id, now: clock.now(), meta: {} } as const;
    const failing = db.transaction(async (tx) => {
      await audit(tx, entry);
      throw new Error('the act failed');
    });
    await failing.catch(() => {});
    expect((await kept()).filter((row) => row.actor_id === actor_id)).to.deep.equal([]);
    await db.transaction((tx) => audit(tx, entry));
    expect((await kept()).filter((row) => row.actor_id === actor_id)).to.have.length(1);
  });

  it('takes no change and no removal, not even of its owner', async () => {
    const before = await kept();
    for (const statement of [
      sql.unsafe`update audit_logs set action = 'nothing'`,
      sql.unsafe`delete from audit_logs`,
      sql.unsafe`truncate audit_logs`,
      sql.unsafe`insert into audit_logs (id, action, created_at)
        select id, 'nothing', created_at from audit_logs limit 1
        on conflict (id) do update set action = excluded.action`,
    ]) {
      const error = await accounts.db.query(statement).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(Error);
    }
    expect(await kept()).to.deep.equal(before);
  });

  it('holds no name, address, password or token: in what it says of an act nothing has room but ids and our words', async () => {
    const rows = await kept();
    expect(rows).to.not.have.length(0);
    for (const { action, detail } of rows) validator(auditDetails[action])(detail);
    const text = JSON.stringify(rows.map(({ ip: _, ...row }) => row));
    for (const word of ['tester_', '@', 'example', password, 'eyJ', 'not the right one'])
      expect(text).to.not.include(word);
  });
});

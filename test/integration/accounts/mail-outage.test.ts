import { expect } from 'chai';
import { sql } from 'slonik';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { eventually } from '../../support/eventually.ts';
import { freshAddress, type MailedAccounts, startMailedAccounts } from './mailed.ts';

describe('while the mail server is down', function () {
  this.timeout(60_000);

  let mailed: MailedAccounts;
  before(async () => {
    mailed = await startMailedAccounts();
  });
  after(() => mailed?.stop());

  it('requests are answered all the same, and each mail goes out when it returns, once', async () => {
    const people = Array.from({ length: 5 }, freshAddress);
    await mailed.server.stop();
    for (const email of people) await mailed.ask('POST /auth/email/request', { body: { email } });
    const failed = () =>
      mailed.db.oneFirst(sql.unsafe`select count(*) from graphile_worker.jobs where last_error is not null`);
    await eventually(async () => (await failed()) === 5);
    // Asked twice meanwhile: only the newest code is mailed.
    const [first = ''] = people;
    await mailed.ask('POST /auth/email/request', { body: { email: first } });
    await mailed.server.start();
    const left = () => mailed.db.oneFirst(sql.unsafe`select count(*) from graphile_worker.jobs`);
    await eventually(async () => (await left()) === 0, 30_000);
    expect(mailed.server.mails.map(({ to }) => to[0]).sort()).to.deep.equal([...people].sort());
    const body = { email: first, code: await mailed.codeFor(first) };
    const { user } = await mailed.ask<Tokens>('POST /auth/email/verify', { body });
    expect(user.email).to.equal(first);
  });
});

import { expect } from 'chai';
import { sql } from 'slonik';
import { countJobs } from '../../../ops/jobs/jobs.store.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { eventually } from '../../support/eventually.ts';
import { codeOf } from '../../support/mail-server.ts';
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
    // Asked twice meanwhile: only the newest code is mailed, unless the job of the other one is just being tried again.
    const [first = '', ...others] = people;
    await mailed.ask('POST /auth/email/request', { body: { email: first } });
    // A job that ran when it was replaced has no try left: the library cannot take it back.
    const running = await mailed.db.oneFirst(
      sql.unsafe`select count(*) from graphile_worker.jobs where attempts >= max_attempts`,
    );
    await mailed.server.start();
    await eventually(async () => {
      const counts = await countJobs(mailed.db);
      return counts.waiting + counts.running === 0;
    }, 30_000);
    const mailedTo = mailed.server.mails.map(({ to }) => to[0]);
    expect(mailedTo.filter((to) => to !== first).sort()).to.deep.equal(others.sort());
    const codes = (await mailed.mailsTo(first)).map(codeOf);
    expect(codes).to.have.length.within(1, 1 + running);
    const verify = (code: string) =>
      mailed.ask<Tokens>('POST /auth/email/verify', { body: { email: first, code } });
    // Of two that were mailed side by side either may be the newest.
    const answers = await Promise.allSettled(codes.map(verify));
    const verified = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.user] : []));
    expect(verified.map(({ email }) => email)).to.deep.equal([first]);
  });
});

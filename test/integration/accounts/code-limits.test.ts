import { expect } from 'chai';
import { sql } from 'slonik';
import { refusalOf } from '../../../schemas/errors.ts';
import { freshAddress } from './mailed.ts';
import { type Accounts, startAccounts } from './support.ts';

/** Each limit alone: the others of its table are far away. */
describe('how many codes are mailed', () => {
  let accounts: Accounts | undefined;
  afterEach(async () => {
    await accounts?.stop();
    accounts = undefined;
  });

  const far = { perAddress: 1000, perIp: 1000, all: 1000 };
  let ips = 0;
  const freshIp = () => `203.0.113.${++ips}`;

  async function start(near: Partial<typeof far>) {
    accounts = await startAccounts({ ...far, ...near });
    const { ask, clock, db, register } = accounts;
    const paths = ['POST /auth/email/request', 'POST /api/v1/auth/password/forgot'];
    let asked = 0;
    return {
      clock,
      register,
      /** How asking for a code ended; in turns by the two ways in that need no account. */
      request: (email = freshAddress(), ip = freshIp()): Promise<string | undefined> =>
        ask(paths[asked++ % 2] ?? '', { body: { email }, ip }).then(
          () => 'mailed',
          (error: unknown) => refusalOf(error).reason,
        ),
      mailed: () => db.oneFirst(sql.unsafe`select count(*) from email_tokens`),
    };
  }

  async function several<Result>(count: number, ask: () => Promise<Result>): Promise<Result[]> {
    const results: Result[] = [];
    for (let n = 0; n < count; n++) results.push(await ask());
    return results;
  }

  it('is bound for one IP address, whatever the addresses, and for no other', async () => {
    const { request, mailed, clock } = await start({ perIp: 3 });
    const ip = freshIp();
    const from = (count: number) => several(count, () => request(freshAddress(), ip));
    expect(await from(5)).to.deep.equal(['mailed', 'mailed', 'mailed', 'too_many_codes', 'too_many_codes']);
    expect(await mailed()).to.equal(3);
    expect(await request()).to.equal('mailed');
    clock.advance(61 * 60_000);
    expect(await from(4)).to.deep.equal(['mailed', 'mailed', 'mailed', 'too_many_codes']);
  });

  it('is bound for the whole deployment, whoever asks; who registers with a password gets no mail then', async () => {
    const { request, register, mailed, clock } = await start({ all: 4 });
    const any = (count: number) => several(count, () => request());
    expect(await any(5)).to.deep.equal(['mailed', 'mailed', 'mailed', 'mailed', 'too_many_codes']);
    expect((await register()).user).to.include({ email_verified: false });
    expect(await mailed()).to.equal(4);
    clock.advance(61 * 60_000);
    expect(await any(1)).to.deep.equal(['mailed']);
  });

  it('is bound for one address, also where all ask in the same moment', async () => {
    const { request, mailed } = await start({ perAddress: 5 });
    const email = freshAddress();
    const answers = await Promise.all(Array.from({ length: 20 }, () => request(email)));
    expect(answers.filter((answer) => answer === 'mailed')).to.have.length(5);
    expect(answers.filter((answer) => answer === 'too_many_codes')).to.have.length(15);
    expect(await mailed()).to.equal(5);
  });
});

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
    /** Undefined where it was mailed; in turns by the two ways in that need no account. */
    const refusal = (email = freshAddress(), ip = freshIp()) =>
      ask(paths[asked++ % 2] ?? '', { body: { email }, ip }).then(() => undefined, refusalOf);
    return {
      db,
      clock,
      register,
      refusal,
      /** How asking for a code ended. */
      request: async (email = freshAddress(), ip = freshIp()) => {
        const refused = await refusal(email, ip);
        return refused === undefined ? 'mailed' : refused.reason;
      },
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

  const minute = 60_000;

  /** Codes are written at these minutes; the one after them is refused, and 15 minutes after the last told to wait. */
  const bounds = [
    { what: 'one address in an hour', near: { perAddress: 2 }, at: [0, 10], wait: 60 - 25 },
    { what: 'one address in a day', near: { perAddress: 1 }, at: [0, 70, 140, 210], wait: 24 * 60 - 225 },
    { what: 'one IP address', near: { perIp: 3 }, at: [0, 10, 20], wait: 60 - 35 },
    { what: 'the whole deployment', near: { all: 2 }, at: [0, 30], wait: 60 - 45 },
  ];
  for (const { what, near, at, wait } of bounds)
    it(`is told with the moment at which there is room again, and not before: ${what}`, async () => {
      const { refusal, mailed, clock } = await start(near);
      const ip = freshIp();
      const email = 'perAddress' in near ? freshAddress() : undefined;
      const began = clock.now();
      for (const minutes of at) {
        clock.advance(began + minutes * minute - clock.now());
        expect(await refusal(email, ip)).to.equal(undefined);
      }
      clock.advance(15 * minute);
      const told = { reason: 'too_many_codes', retry_after_ms: wait * minute };
      for (let asked = 0; asked < 2; asked++) expect(await refusal(email, ip)).to.include(told);
      clock.advance(wait * minute - 1);
      expect(await refusal(email, ip)).to.include({ ...told, retry_after_ms: 1 });
      clock.advance(1);
      expect(await refusal(email, ip)).to.equal(undefined);
      expect(await mailed()).to.equal(at.length + 1);
    });

  it('is told alike of an address that has an account and of one that has none', async () => {
    const { register, refusal, db, clock } = await start({ perAddress: 2 });
    const [known, unknown] = [freshAddress(), freshAddress()];
    const { user } = await register({ email: known });
    await db.query(sql.unsafe`
      update users set email = pending_email, pending_email = null where id = ${user.id}`);
    expect(await refusal(unknown)).to.equal(undefined);
    clock.advance(20 * minute);
    const first = [await refusal(known), await refusal(unknown)];
    expect(first).to.deep.equal([undefined, undefined]);
    const second = [await refusal(known), await refusal(unknown)];
    expect(second[0]).to.include({ reason: 'too_many_codes', retry_after_ms: 40 * minute });
    expect(second[1]).to.deep.equal(second[0]);
  });
});

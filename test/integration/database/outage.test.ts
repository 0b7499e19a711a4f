import { expect } from 'chai';
import { sql } from 'slonik';
import { type Database, databaseFault, storing } from '../../../ops/connections/postgres.ts';
import type { EmbeddedPostgres } from '../../../ops/embedded/postgres.ts';
import { refusalOf } from '../../../schemas/errors.ts';
import { connectTo, startTestPostgres } from '../../support/database.ts';
import { until } from '../../support/until.ts';

describe('while PostgreSQL is away', () => {
  let postgres: EmbeddedPostgres;
  let pool: Database;
  let lost: Error[];

  before(async () => {
    postgres = await startTestPostgres();
  });

  after(() => postgres.stop());

  beforeEach(async () => {
    lost = [];
    pool = await connectTo(postgres.url, { onError: (error) => lost.push(error) });
    await until('the server is there', async () => (await read()) === 1);
    await pool.query(sql.unsafe`create table kept (n integer)`);
  });

  afterEach(async () => {
    await until('the server is there', async () => (await read()) === 1);
    await pool.query(sql.unsafe`drop table kept`);
    await pool.end();
  });

  const one = sql.unsafe`select 1 as one`;

  function killServer(): void {
    const pid = postgres.pid();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }

  function read(): Promise<unknown> {
    return storing(() => pool.oneFirst(one)).catch(refusalOf);
  }

  it('reads are refused as unavailable, and succeed again when it is back', async () => {
    await Promise.all([read(), read(), read()]);
    const pid = postgres.pid();
    killServer();
    const answers: unknown[] = [];
    await until('reads succeed again', async () => {
      answers.push(await read());
      return answers.at(-1) === 1 && postgres.pid() !== undefined && postgres.pid() !== pid;
    });
    const refused = answers.filter((answer) => answer !== 1);
    expect(refused).to.not.have.length(0);
    for (const answer of refused)
      expect(answer).to.deep.equal({ code: 'unavailable', reason: 'database_away' });
    expect(lost).to.not.have.length(0);
    expect(pool.state().busy).to.equal(0);
  });

  it('a transaction is lost, and nothing of it was kept', async () => {
    const error = await pool
      .transaction(async (transaction) => {
        await transaction.query(sql.unsafe`insert into kept values (1)`);
        killServer();
        await transaction.query(sql.unsafe`select pg_sleep(60)`);
      })
      .catch((reason: unknown) => reason);
    expect(databaseFault(error)).to.equal('lost');
    await until('it is back', async () => (await read()) === 1);
    expect(await pool.oneFirst(sql.unsafe`select count(*) from kept`)).to.equal(0);
  });

  it('a write that was on its way is of unknown outcome', async () => {
    const writing = storing(() => pool.query(sql.unsafe`insert into kept select 1 from pg_sleep(60)`)).catch(
      refusalOf,
    );
    const sleeping = sql.unsafe`select 1 from pg_stat_activity where query like 'insert into kept select%' and wait_event = 'PgSleep'`;
    await until('the write is on its way', () => pool.exists(sleeping));
    killServer();
    expect(await writing).to.deep.equal({ code: 'timeout', reason: 'database_away' });
  });

  it('no connection of the pool stays behind, however often it is lost', async () => {
    for (let times = 0; times < 6; times++) {
      const work = Promise.allSettled([
        pool.query(sql.unsafe`select pg_sleep(60)`),
        pool.transaction((transaction) => transaction.query(sql.unsafe`select pg_sleep(60)`)),
        pool.any(one),
      ]);
      const busy = sql.unsafe`select count(*) from pg_stat_activity where wait_event = 'PgSleep'`;
      await until('both sleep', async () => (await pool.oneFirst(busy)) === 2);
      await pool.query(sql.unsafe`
        select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'`);
      await work;
    }
    await until('the pool is as it was', async () => (await read()) === 1 && pool.state().busy === 0);
    expect(pool.state().open).to.be.at.most(2);
  });

  it('a pool can still be made; only its statements are refused', async () => {
    const early = await connectTo('postgres://nobody@127.0.0.1:1/nothing', {
      maxConnections: 1,
      statementTimeoutMs: 1000,
    });
    const answer = await storing(() => early.oneFirst(one)).catch(refusalOf);
    await early.end();
    expect(answer).to.deep.equal({ code: 'unavailable', reason: 'database_away' });
  });
});

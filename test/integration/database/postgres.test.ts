import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { sql } from 'slonik';
import { createPatientPool } from '../../../ops/connections/patient-pool.ts';
import {
  type Database,
  databaseFault,
  isUniqueViolation,
  type PostgresOptions,
  sqlState,
  storing,
  typed,
} from '../../../ops/connections/postgres.ts';
import { withClient } from '../../../ops/connections/postgres-client.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { fail, SuhbatError } from '../../../schemas/errors.ts';
import { connectTo, createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/until.ts';

describe('the connection to PostgreSQL', () => {
  let database: TestDatabase;
  let pools: Database[];

  beforeEach(async () => {
    database = await createTestDatabase();
    pools = [];
  });

  afterEach(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    await database.drop();
  });

  async function connect(options: Partial<PostgresOptions> = {}): Promise<Database> {
    const pool = await connectTo(database.url, { maxConnections: 3, ...options });
    pools.push(pool);
    return pool;
  }

  function caught(work: Promise<unknown>): Promise<unknown> {
    return work.then(
      () => expect.fail('it succeeded'),
      (error: unknown) => error,
    );
  }

  const setting = (key: string) => sql.unsafe`insert into cluster_settings (key, value) values (${key}, '1')`;
  const settings = typed<{ key: string }>()`select key from cluster_settings order by key`;

  it('gives numbers, times and JSON as the API writes them', async () => {
    const pool = await connect();
    const row = await pool.one(sql.unsafe`
      select 9007199254740991::int8 as big, 2.5::numeric as fraction, '{"a":[1]}'::jsonb as json,
        '2026-01-31 10:00:00.5+00'::timestamptz(3) as time, '2026-01-31'::date as day,
        array[1, null]::int8[] as many, null::timestamptz as never`);
    expect(row).to.deep.equal({
      big: 9007199254740991,
      fraction: 2.5,
      json: { a: [1] },
      time: '2026-01-31T10:00:00.500Z',
      day: '2026-01-31',
      many: [1, null],
      never: null,
    });
  });

  it('commits to disk before it answers, in every kind of session, although the database would not', async () => {
    const { url } = database;
    const plain = { url, applicationName: 'test' };
    const name = new URL(url).pathname.slice(1);
    await withClient(plain, (client) => client.query(`alter database ${name} set synchronous_commit = off`));
    const patient = createPatientPool({
      ...plain,
      maxConnections: 1,
      statementTimeoutMs: 5000,
      clock: systemClock,
      onLost() {},
    });
    const show = 'show synchronous_commit';
    const said = [
      await (await connect()).one(sql.unsafe`show synchronous_commit`),
      (await withClient(plain, (client) => client.query(show))).rows[0],
      (await patient.pool.query(show).finally(() => patient.close())).rows[0],
    ];
    for (const one of said) expect(one).to.deep.equal({ synchronous_commit: 'on' });
  });

  it('stores many rows in one statement, with ids, times, JSON and nothing', async () => {
    const pool = await connect();
    const rows = [null, { action: 'joined' }].map((service, index) => ({
      chat_id: randomUUID(),
      seq: index + 1,
      sender_id: randomUUID(),
      kind: 'text',
      text: `"Салом", {${index}}`,
      media_id: null,
      reply_to: null,
      service,
      client_id: randomUUID(),
      ordinal: index + 1,
      created_at: '2026-01-31T10:00:00.123Z',
      edited_at: null,
      deleted_at: null,
      changed_seq: index + 1,
    }));
    await pool.query(sql.unsafe`
      insert into messages select * from json_populate_recordset(null::messages, ${JSON.stringify(rows)}::json)`);
    expect(await pool.any(sql.unsafe`select * from messages order by seq`)).to.deep.equal(rows);
  });

  it('rolls a transaction back when its handler throws, and keeps the connection', async () => {
    const pool = await connect({ maxConnections: 1 });
    const before = await pool.oneFirst(sql.unsafe`select pg_backend_pid()`);
    const error = await caught(
      pool.transaction(async (transaction) => {
        await transaction.query(setting('a'));
        throw fail('conflict', { reason: 'taken' });
      }),
    );
    expect(error).to.be.instanceOf(SuhbatError).with.nested.property('refusal.reason', 'taken');
    expect(await pool.any(settings)).to.deep.equal([]);
    expect(await pool.oneFirst(sql.unsafe`select pg_backend_pid()`)).to.equal(before);
  });

  it('makes a savepoint of a transaction inside one', async () => {
    const pool = await connect();
    await pool.transaction(async (transaction) => {
      await transaction.query(setting('kept'));
      await caught(
        transaction.transaction(async (inner) => {
          await inner.query(setting('dropped'));
          await inner.query(setting('kept'));
        }),
      );
    });
    expect(await pool.any(settings)).to.deep.equal([{ key: 'kept' }]);
  });

  it('fails a transaction that goes on after a failed statement, instead of keeping nothing silently', async () => {
    const pool = await connect();
    const error = await caught(
      pool.transaction(async (transaction) => {
        await transaction.query(setting('a'));
        await caught(transaction.query(setting('a')));
      }),
    );
    expect(sqlState(error)).to.equal('25P02');
    expect(await pool.any(settings)).to.deep.equal([]);
  });

  it('sorts refused data from everything else', async () => {
    const pool = await connect();
    await pool.query(setting('a'));
    const twice = await caught(pool.query(setting('a')));
    expect(databaseFault(twice)).to.equal('poison');
    expect(isUniqueViolation(twice)).to.equal(true);
    expect(isUniqueViolation(twice, 'cluster_settings_pkey')).to.equal(true);
    expect(isUniqueViolation(twice, 'users_username_key')).to.equal(false);
    const nul = await caught(pool.query(sql.unsafe`select (${'{"a":"\\u0000"}'}::json)->>'a'`));
    expect(databaseFault(nul)).to.equal('poison');
    const hasty = await connect({ statementTimeoutMs: 200 });
    const slow = await caught(hasty.query(sql.unsafe`select pg_sleep(10)`));
    expect(databaseFault(slow)).to.equal('other');
    const refused = await caught(storing(async () => Promise.reject(slow)));
    expect(refused).to.have.nested.property('refusal.code', 'unavailable');
  });

  it('tells nobody what was in the data', async () => {
    const pool = await connect();
    const secret = 'somebody@example.org';
    const insert = sql.unsafe`insert into cluster_settings (key, value) values (${secret}, '1')`;
    await pool.query(insert);
    for (const bad of [insert, sql.unsafe`select ${secret}::text::integer`]) {
      const error = await caught(pool.query(bad));
      expect(JSON.stringify({ ...(error as Error), message: (error as Error).message })).to.not.include(
        secret,
      );
    }
  });

  it('makes a deadlock `rolled_back`', async () => {
    const pool = await connect();
    await pool.query(setting('a'));
    await pool.query(setting('b'));
    const lock = (key: string) => sql.unsafe`update cluster_settings set value = '2' where key = ${key}`;
    let arrived = 0;
    const both = async (first: string, second: string) =>
      pool.transaction(async (transaction) => {
        await transaction.query(lock(first));
        arrived++;
        await until('both hold one', () => arrived === 2);
        await transaction.query(lock(second));
      });
    const outcomes = await Promise.allSettled([both('a', 'b'), both('b', 'a')]);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed.map(({ reason }) => databaseFault(reason))).to.deep.equal(['rolled_back']);
    expect(arrived, 'no handler ran twice').to.equal(2);
  });

  it('bounds how long and how many wait for a connection', async () => {
    const pool = await connect({ maxConnections: 1, acquireTimeoutMs: 100, maxWaiting: 1 });
    await pool.connect(async () => {
      const [late, tooMany] = await Promise.all([caught(pool.query(settings)), caught(pool.query(settings))]);
      expect(databaseFault(late)).to.equal('lost');
      expect(late).to.have.property('message').that.includes('within 100 ms');
      expect(databaseFault(tooMany)).to.equal('lost');
      expect(tooMany).to.have.property('message').that.includes('Too many');
    });
    expect(await pool.any(settings)).to.deep.equal([]);
    expect(pool.state()).to.include({ waiting: 0, busy: 0 });
  });

  it('loses a connection that holds a transaction and says nothing', async () => {
    const pool = await connect({ idleInTransactionTimeoutMs: 50 });
    const error = await caught(
      pool.transaction(async (transaction) => {
        await transaction.query(setting('a'));
        await until('PostgreSQL has ended it', () => pool.state().open === 0);
        await transaction.query(setting('b'));
      }),
    );
    expect(databaseFault(error)).to.equal('lost');
    expect(await pool.any(settings)).to.deep.equal([]);
  });
});

import { expect } from 'chai';
import { sql } from 'slonik';
import { type Database, databaseFault, prepared, typed } from '../../../ops/connections/postgres.ts';
import { withClient } from '../../../ops/connections/postgres-client.ts';
import { newId } from '../../../schemas/ids.ts';
import { readPages } from '../../../services/chats/messages.store.ts';
import { connectTo, createTestDatabase, type TestDatabase } from '../../support/database.ts';

interface Known {
  name: string;
  statement: string;
  generic_plans: number;
}

describe('prepared statements', () => {
  let database: TestDatabase;
  let pool: Database;

  beforeEach(async () => {
    database = await createTestDatabase();
    // One test writes 40,000 rows in one statement.
    pool = await connectTo(database.url, { maxConnections: 1, statementTimeoutMs: 50_000 });
  });

  afterEach(async () => {
    await pool.end();
    await database.drop();
  });

  const known = () =>
    pool.any(typed<Known>()`select name, statement, generic_plans from pg_prepared_statements order by name`);

  it('are parsed once a connection, and take other values each time; others are not kept', async () => {
    for (const each of [1, 2, 3]) {
      expect(await pool.oneFirst(typed<{ n: number }>()`${prepared} select ${each}::int8 as n`)).to.equal(
        each,
      );
      expect(await pool.oneFirst(typed<{ n: number }>()`select ${each}::int8 + 1 as n`)).to.equal(each + 1);
    }
    const [only, ...more] = await known();
    expect(only?.statement).to.equal('/* prepared */ select $1::int8 as n');
    expect(more).to.deep.equal([]);
  });

  it('hold after one of them has failed, and after their connection was lost', async () => {
    const half = (by: number) =>
      pool.oneFirst(typed<{ n: number }>()`${prepared} select 10 / ${by}::int8 as n`);
    expect(await half(2)).to.equal(5);
    const error = await half(0).catch((thrown: unknown) => thrown);
    expect(databaseFault(error)).to.equal('poison');
    expect(await half(5)).to.equal(2);
    const end = pool.query(sql.unsafe`select pg_terminate_backend(pg_backend_pid())`);
    expect(databaseFault(await end.catch((thrown: unknown) => thrown))).to.equal('lost');
    expect(await half(1)).to.equal(10);
  });

  it('a lost one that only reads is known to have changed nothing', async () => {
    const error = await pool
      .oneFirst(sql.unsafe`${prepared} select pg_terminate_backend(pg_backend_pid())`)
      .catch((thrown: unknown) => thrown);
    expect(databaseFault(error)).to.equal('lost');
    expect(error).to.have.property('inDoubt', false);
  });

  it('of pages are planned without their values, and walk the index in order however long the chat is', async () => {
    const [chat, other, user] = [newId(), newId(), newId()];
    await pool.query(sql.unsafe`
      insert into chats (id, number, type, created_by, created_at, head_seq, last_activity_at)
      values (${chat}, 1, 'group', ${user}, now(), 20000, now())`);
    // Scattered over the table, so that an index scan in their order looks costly.
    await pool.query(sql.unsafe`
      insert into messages (chat_id, seq, sender_id, kind, text, client_id, ordinal, created_at, changed_seq)
      select id::uuid, n, ${user}, 'text', 'salom', gen_random_uuid(), n, now(), n
      from unnest(${sql.array([chat, other], 'text')}) id, generate_series(1, 20000) n order by random()`);
    await pool.query(sql.unsafe`analyze messages`);
    const ranges = [{ before: 15_000 }, { above: 5000 }, { after: 5000, newer: [] }];
    for (const range of ranges) {
      for (let times = 0; times < 8; times++) {
        const found = await readPages(pool, chat, [{ range, limit: 51 }], undefined);
        expect(found?.pages[0]).to.have.length(51);
      }
    }
    const statements = await known();
    expect(statements).to.have.length(ranges.length);
    await withClient({ url: database.url, applicationName: 'test' }, async (client) => {
      await client.query('set plan_cache_mode = force_generic_plan');
      for (const { name, statement, generic_plans } of statements) {
        expect(generic_plans, 'planned once and for all').to.be.greaterThan(0);
        await client.query(`prepare ${name} as ${statement}`);
        const { rows } = await client.query(`explain execute ${name}(5000, 51, '${chat}')`);
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        expect(plan).to.match(/Index Scan (Backward )?using messages_(pkey|changed) on messages/);
        expect(plan).to.not.match(/(Bitmap Heap|Seq) Scan on messages/);
      }
    });
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeTokenKey } from '../../../ops/config/token-key.ts';
import { withClient } from '../../../ops/connections/postgres-client.ts';
import { untilStopped } from '../../../ops/process/until-stopped.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { type Program, startProgram } from '../../support/process.ts';
import { until } from '../../support/until.ts';

describe('a program that is paused in the middle of a flush', function () {
  this.timeout(60_000);

  let folder = '';
  let database: TestDatabase;
  let program: Program;
  let url = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-paused-'));
    database = await createTestDatabase();
    program = startProgram({
      env: {
        SUHBAT_DATA_DIR: folder,
        DATABASE_URL: database.url,
        SUHBAT_TOKEN_KEY: Buffer.from(makeTokenKey()).toString('base64'),
        SUHBAT_REFRESH_SECRET: 'a secret of at least thirty-two bytes',
        SUHBAT_CALL_TIMEOUT: '60000',
      },
    });
    url = await program.ready();
  });
  after(async () => {
    program?.kill();
    await program?.ended();
    await database?.drop();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const post = (path: string, body: object, token = '') =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });

  it('holds no locks for long, and flushes when it wakes', async () => {
    const account = { username: 'anvar', email: 'a@example.com', password: 'a long password' };
    const { access_token } = (await (await post('/api/v1/auth/register', account)).json()) as Tokens;
    const client = { url: database.url, applicationName: 'test' };
    /** Of the flusher's sessions one of which this is true. */
    const flusher = async (condition: string) => {
      const { rows } = await withClient(client, (looking) =>
        looking.query(
          `select pid from pg_stat_activity
          where datname = current_database() and application_name = 'suhbat flusher' and ${condition}`,
        ),
      );
      return (rows[0] as { pid: number } | undefined)?.pid;
    };
    let made: Promise<Response> | undefined;
    await withClient(client, async (holding) => {
      await holding.query('begin');
      await holding.query('select from shard_checkpoints for update');
      made = post('/api/v1/chats', { type: 'group', title: 'Tea' }, access_token);
      await until('a flush waits', () => flusher("wait_event_type = 'Lock'"));
      program.signal('SIGSTOP');
      await untilStopped(program.pid);
      await holding.query('commit');
    });
    const pid = await until('it holds the rows', () => flusher("state = 'idle in transaction'"));
    await until('PostgreSQL ends it', async () => (await flusher(`pid = ${pid}`)) === undefined);
    program.signal('SIGCONT');
    expect((await made)?.status).to.equal(201);
  });
});

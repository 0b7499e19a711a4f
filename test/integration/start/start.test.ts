import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { settingsRows } from '../../../ops/config/table.ts';
import { makeTokenKey } from '../../../ops/config/token-key.ts';
import { type Program, processesOf, startProgram } from '../../support/process.ts';

describe('npm start', function () {
  // The first start makes a database.
  this.timeout(60_000);

  let folder = '';
  const programs: Program[] = [];

  function start(env: Record<string, string> = {}, args: string[] = []): Program {
    const program = startProgram({ env: { SUHBAT_DATA_DIR: folder, ...env }, args });
    programs.push(program);
    return program;
  }

  /** Starts, expects a refusal, and gives what it said on standard error. */
  async function refusal(env: Record<string, string>, args: string[] = []): Promise<string> {
    const program = start({ SUHBAT_LOG_LEVEL: 'info', ...env }, args);
    expect(await program.ended()).to.equal(1);
    expect(program.stdout()).to.equal('');
    return program.stderr();
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-start-'));
  });
  afterEach(async () => {
    for (const program of programs.splice(0)) {
      program.kill();
      await program.ended();
    }
  });
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  it('prints every setting with --help and touches nothing', async () => {
    const program = start({}, ['--help']);
    expect(await program.ended()).to.equal(0);
    for (const [name = ''] of settingsRows()) expect(program.stdout()).to.include(`\n${name} `);
    expect(program.stderr()).to.equal('');
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('refuses wrong and unknown settings and arguments, all in one sentence', async () => {
    const said = await refusal({ SUHBAT_SHARDS: '0', SUHBAT_PROT: '80', SMTP_URL: 'http://m' }, [
      '--verbose',
    ]);
    expect(said).to.match(/^Suhbat cannot start: .*\.\n$/);
    for (const part of ['SUHBAT_SHARDS must be', 'did you mean SUHBAT_PORT?', 'SMTP_URL', '"--verbose"'])
      expect(said).to.include(part);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('refuses a database of others without the secrets that its nodes share', async () => {
    const said = await refusal({ DATABASE_URL: 'postgres://127.0.0.1:1/none' });
    expect(said).to.match(
      /^Suhbat cannot start: SUHBAT_TOKEN_KEY and SUHBAT_REFRESH_SECRET must be set.*\n$/,
    );
  });

  it('says where it listens, answers there, and ends with 0 and no process left on SIGTERM', async () => {
    const program = start();
    const url = await program.ready();
    expect(url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(program.stdout()).to.equal(`suhbat ready ${url}\n`);

    const health = (await (await fetch(`${url}/health`)).json()) as Record<string, unknown>;
    expect(health)
      .to.include({ status: 'ok' })
      .and.to.include.all.keys('version', 'commit', 'uptime_s', 'checks');
    for (const path of ['/live', '/ready']) expect((await fetch(url + path)).status).to.equal(200);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics)
      .to.match(/^suhbat_connections 0$/m)
      .and.to.match(/^nodejs_eventloop_lag_p99_seconds /m);

    program.signal('SIGTERM');
    expect(await program.ended()).to.equal(0);
    expect(processesOf(folder)).to.deep.equal([]);
  });

  it('drains and ends when npm, which started it, is told to end', async () => {
    const program = startProgram({ npm: true, env: { SUHBAT_DATA_DIR: folder } });
    programs.push(program);
    await program.ready();
    program.signal('SIGTERM');
    await program.ended();
    expect(processesOf(folder)).to.deep.equal([]);
    expect(program.stderr()).not.to.include('was lost');
  });

  it('keeps accounts, secrets and their tokens from one start to the next', async () => {
    const first = start();
    const url = await first.ready();
    const register = await fetch(`${url}/api/v1/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'a@example.com', username: 'anvar', password: 'a long password' }),
    });
    expect(register.status).to.equal(201);
    const { access_token } = (await register.json()) as { access_token: string };
    expect((await stat(join(folder, 'secrets'))).mode & 0o777).to.equal(0o700);
    first.signal('SIGTERM');
    expect(await first.ended()).to.equal(0);

    const again = await start().ready();
    const me = await fetch(`${again}/me`, { headers: { authorization: `Bearer ${access_token}` } });
    expect(me.status).to.equal(200);
    expect(await me.json()).to.include({ username: 'anvar' });
  });

  it('starts again after kill -9 of its whole group', async () => {
    const first = start();
    await first.ready();
    first.kill();
    expect(await first.ended()).to.equal('SIGKILL');
    const second = start();
    await second.ready();
    second.signal('SIGTERM');
    expect(await second.ended()).to.equal(0);
    expect(processesOf(folder)).to.deep.equal([]);
  });

  it('refuses a data folder that another process holds, and leaves that one alone', async () => {
    const holder = start();
    const url = await holder.ready();
    const said = await refusal({});
    expect(said)
      .to.match(/^The data folder .* is in use by process \d+.*\n$/)
      .and.to.include(`${holder.pid}`);
    expect((await fetch(`${url}/ready`)).status).to.equal(200);
  });

  it('refuses a port that is taken in one sentence, and leaves no process behind', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      const said = await refusal({ SUHBAT_PORT: String(port) });
      expect(said)
        .to.match(/^[^\n]+\.\n$/)
        .and.to.include(`${port}`);
      expect(processesOf(folder)).to.deep.equal([]);
    } finally {
      other.close();
    }
  });

  it('says in one sentence why it cannot have a data folder', async () => {
    const file = join(folder, 'a file');
    await writeFile(file, '');
    const folders = { [file]: 'no folder', [join(file, 'below')]: 'no folder', '/proc/suhbat': 'ENOENT' };
    for (const [path, why] of Object.entries(folders)) {
      const said = await refusal({ SUHBAT_DATA_DIR: path });
      expect(said)
        .to.match(/^The data folder [^\n]+\.\n$/)
        .and.to.include(why);
    }
  });

  it('says in one sentence why it cannot have a database of others', async () => {
    const own = start();
    await own.ready();
    const pids = await readFile(join(folder, 'postgres', 'postmaster.pid'), 'utf8');
    const port = pids.split('\n')[3];
    const said = await refusal({
      DATABASE_URL: `postgres://suhbat:wrong-secret@127.0.0.1:${port}/suhbat`,
      SUHBAT_DATA_DIR: join(folder, 'another'),
      SUHBAT_TOKEN_KEY: makeTokenKey(),
      SUHBAT_REFRESH_SECRET: 'x'.repeat(32),
    });
    expect(said)
      .to.match(/^PostgreSQL at 127\.0\.0\.1:\d+ says: password authentication failed[^\n]*\.\n$/)
      .and.not.include('wrong-secret');
  });

  it('refuses another number of shards than its database was made with', async () => {
    const said = await refusal({ SUHBAT_SHARDS: '32' });
    expect(said)
      .to.match(/^[^\n]+\.\n$/)
      .and.to.include('SUHBAT_SHARDS');
  });
});

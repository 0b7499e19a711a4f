import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeTokenKey } from '../../../ops/config/token-key.ts';
import { withClient } from '../../../ops/connections/postgres-client.ts';
import { runningUrl } from '../../../ops/embedded/running.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { createTestDatabase } from '../../support/database.ts';
import { type Program, startProgram } from '../../support/process.ts';

/** The first admin, as an operator names one. */
describe('the first admin', function () {
  this.timeout(90_000);

  let folder = '';
  const programs: Program[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-admin-'));
  });
  afterEach(async () => {
    for (const program of programs.splice(0)) {
      program.kill();
      await program.ended();
    }
  });
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  function start(env: Record<string, string> = {}, more: { script?: string; args?: string[] } = {}) {
    const program = startProgram({ env: { SUHBAT_DATA_DIR: folder, ...env }, ...more });
    programs.push(program);
    return program;
  }

  async function grant(email: string, env: Record<string, string> = {}) {
    const program = start(env, { script: 'ops/admin/main.ts', args: ['grant', email] });
    const code = await program.ended();
    return { code, said: program.stdout() + program.stderr() };
  }

  async function register(url: string, username: string): Promise<Tokens> {
    const response = await fetch(`${url}/api/v1/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, email: `${username}@house.example`, password: 'correct horse' }),
    });
    expect(response.status).to.equal(201);
    return (await response.json()) as Tokens;
  }

  /** What the verification by a code does. */
  async function verify(url: string, username: string): Promise<void> {
    await withClient({ url, applicationName: 'test' }, (client) =>
      client.query('update users set email = pending_email, pending_email = null where username = $1', [
        username,
      ]),
    );
  }

  async function database(): Promise<string> {
    const url = await runningUrl(folder);
    if (url === undefined) throw new Error('no PostgreSQL runs there');
    return url;
  }

  const audit = async (url: string, { access_token }: Tokens) =>
    (await fetch(`${url}/admin/audit`, { headers: { authorization: `Bearer ${access_token}` } })).status;

  it('is named on the command line while Suhbat runs, by a verified address only, and counts at once', async () => {
    const program = start();
    const url = await program.ready();
    const ann = await register(url, 'ann');
    expect(await audit(url, ann)).to.equal(403);
    const early = await grant('ann@house.example');
    expect(early.code).to.equal(1);
    expect(early.said).to.include('nobody’s verified address');
    expect(await audit(url, ann)).to.equal(403);

    await verify(await database(), 'ann');
    expect(await grant('Ann@House.example')).to.deep.equal({
      code: 0,
      said: 'Ann@House.example is an admin now.\n',
    });
    expect(await audit(url, ann)).to.equal(200);
    expect((await grant('ann@house.example')).said).to.include('was an admin already');
    await register(url, 'bob');
    await verify(await database(), 'bob');
    program.signal('SIGTERM');
    expect(await program.ended()).to.equal(0);
  });

  it('is named on the command line while Suhbat is stopped, and told in the audit log', async () => {
    expect((await grant('bob@house.example')).code).to.equal(0);
    const program = start();
    await program.ready();
    const rows = await withClient({ url: await database(), applicationName: 'test' }, async (client) => {
      const found = await client.query(
        `select username::text, detail, actor_id from audit_logs join users on users.id = target_id
         where action = 'admin_grant' order by audit_logs.created_at`,
      );
      return found.rows;
    });
    const told = { actor_id: null, detail: { by: 'operator' } };
    expect(rows).to.deep.equal([
      { username: 'ann', ...told },
      { username: 'bob', ...told },
    ]);
    program.signal('SIGTERM');
    expect(await program.ended()).to.equal(0);
  });

  it('is named on a database of its own, or by a setting once the address is verified; a second one is not', async () => {
    const own = await createTestDatabase();
    const secrets = {
      DATABASE_URL: own.url,
      SUHBAT_DATA_DIR: join(folder, 'other'),
      SUHBAT_TOKEN_KEY: Buffer.from(makeTokenKey()).toString('base64'),
      SUHBAT_REFRESH_SECRET: 'a secret of at least thirty-two bytes',
    };
    const env = { ...secrets, ADMIN_EMAIL: 'cyr@house.example' };
    const run = async (settings: Record<string, string>) => {
      const program = start(settings);
      const url = await program.ready();
      return { url, program };
    };
    const end = async ({ program }: { program: Program }) => {
      program.signal('SIGTERM');
      expect(await program.ended()).to.equal(0);
    };
    let running = await run(env);
    const cy = await register(running.url, 'cyr');
    const dee = await register(running.url, 'dee');
    await end(running);
    running = await run(env);
    expect(await audit(running.url, cy), 'a claim makes nobody an admin').to.equal(403);
    await end(running);
    await verify(own.url, 'cyr');
    await verify(own.url, 'dee');
    running = await run(env);
    expect(await audit(running.url, cy)).to.equal(200);
    await end(running);
    running = await run({ ...env, ADMIN_EMAIL: 'dee@house.example' });
    expect(await audit(running.url, dee), 'there is an admin').to.equal(403);
    expect((await grant('dee@house.example', secrets)).code).to.equal(0);
    expect(await audit(running.url, dee)).to.equal(200);
    await end(running);
    await own.drop();
  });

  it('is not found by a wrong command, which says what there is', async () => {
    for (const args of [['grant'], ['revoke', 'ann@house.example'], ['grant', 'a@b.c', 'more']]) {
      const program = start({}, { script: 'ops/admin/main.ts', args });
      expect(await program.ended()).to.equal(1);
      expect(program.stderr()).to.include('npm run admin -- grant <email>');
    }
  });
});

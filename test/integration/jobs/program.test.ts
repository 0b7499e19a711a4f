import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeTokenKey } from '../../../ops/config/token-key.ts';
import { addJob, countJobs, listDead } from '../../../ops/jobs/jobs.store.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { startProgram } from '../../support/process.ts';
import { noteJob, openQueue, type Queue, type Run } from './support.ts';

/** As an operator runs it, on the database of a cluster that goes on meanwhile. */
describe('npm run jobs', function () {
  this.timeout(60_000);

  let folder = '';
  let database: TestDatabase;
  let queue: Queue;
  let broken = true;
  const runs: Run[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-jobs-'));
    database = await createTestDatabase();
    queue = await openQueue(database.url);
    queue.start([
      queue.noting(runs, async () => {
        if (broken) throw new Error('could not write to somebody@example.com');
      }),
    ]);
    for (const n of [1, 2, 3]) await addJob(queue.db, noteJob, { n });
    await eventually(async () => (await listDead(queue.db, 10)).length === 3, 20_000);
  });
  after(async () => {
    await queue?.stop();
    await database?.drop();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const secrets = {
    SUHBAT_TOKEN_KEY: Buffer.from(makeTokenKey()).toString('base64'),
    SUHBAT_REFRESH_SECRET: randomBytes(32).toString('base64url'),
  };

  async function jobs(...args: string[]) {
    const env = { ...secrets, SUHBAT_DATA_DIR: folder, DATABASE_URL: database.url };
    const program = startProgram({ env, script: 'ops/jobs/main.ts', args });
    const code = await program.ended();
    return { code, said: program.stdout(), complaint: program.stderr() };
  }

  it('lists what has failed for good, begins one of it or all of it anew, and tells nothing of what is in it', async () => {
    const listed = await jobs('list');
    expect({ ...listed, said: '' }).to.deep.equal({ code: 0, said: '', complaint: '' });
    const lines = listed.said.trimEnd().split('\n');
    expect(lines).to.have.length(3);
    for (const line of lines) expect(line).to.match(/^\d+ note 2 tries, 20\d\d-\d\d-\d\dT[\d:.]+Z: Error$/);

    const [first = ''] = lines.map((line) => line.split(' ')[0] ?? '');
    expect(await jobs('retry', '999999')).to.include({ code: 1, said: '0 jobs are begun anew.\n' });
    broken = false;
    expect(await jobs('retry', first)).to.include({ code: 0, said: '1 job is begun anew.\n' });
    await eventually(() => runs.length === 7);
    expect(runs.at(-1)).to.include({ n: 1, tries: 1 });
    expect((await jobs('list')).said.split('\n')).to.deep.equal([...lines.slice(1), '']);
    expect(await jobs('retry', '--all')).to.include({ code: 0, said: '2 jobs are begun anew.\n' });
    await eventually(async () => {
      const { waiting, running, dead } = await countJobs(queue.db);
      return waiting + running + dead === 0;
    });
    expect(
      runs
        .slice(7)
        .map(({ n }) => n)
        .sort(),
    ).to.deep.equal([2, 3]);
    expect(await jobs('list')).to.include({ code: 0, said: '' });
  });

  it('says what there is when it is called wrongly, and does nothing', async () => {
    for (const args of [['drop'], ['list', 'more'], ['retry'], ['retry', 'one'], ['retry', '--all', '1']]) {
      const { code, said, complaint } = await jobs(...args);
      expect({ code, said }).to.deep.equal({ code: 1, said: '' });
      expect(complaint).to.include('npm run jobs -- retry <id>');
    }
    expect(await jobs('--help')).to.include({ code: 0, complaint: '' });
  });
});

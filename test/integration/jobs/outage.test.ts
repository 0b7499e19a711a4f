import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { createPatientPool } from '../../../ops/connections/patient-pool.ts';
import { typed } from '../../../ops/connections/postgres.ts';
import type { EmbeddedPostgres } from '../../../ops/embedded/postgres.ts';
import { addJob, countJobs } from '../../../ops/jobs/jobs.store.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { migrate } from '../../../services/migrations/migrate.ts';
import { startTestPostgres } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { noteJob, openQueue, type Queue, type Run } from './support.ts';

describe('jobs, while PostgreSQL is away', function () {
  this.timeout(60_000);

  let postgres: EmbeddedPostgres;
  let queue: Queue;

  before(async () => {
    postgres = await startTestPostgres();
    await migrate({ url: postgres.url });
    queue = await openQueue(postgres.url);
  });
  after(async () => {
    await queue.stop();
    await postgres.stop();
  });

  it('wait, and go on when it is back; one that ended meanwhile is done', async () => {
    const runs: Run[] = [];
    let end = () => {};
    const held = new Promise<void>((resolve) => {
      end = resolve;
    });
    const worker = queue.start([queue.noting(runs, ({ n }) => (n === 1 ? held : Promise.resolve()))], {
      deadMs: 20_000,
    });
    await addJob(queue.db, noteJob, { n: 1 });
    await eventually(() => runs.length === 1);

    const pid = postgres.pid() ?? 0;
    process.kill(pid, 'SIGKILL');
    end();
    await eventually(() => postgres.pid() !== undefined && postgres.pid() !== pid, 30_000);
    await eventually(async () => {
      await addJob(queue.db, noteJob, { n: 2 });
      return true;
    }, 30_000);
    await eventually(async () => {
      const { waiting, running, dead } = await countJobs(queue.db);
      return waiting + running + dead === 0;
    }, 30_000);
    await pause(500);
    expect(runs.map(({ n }) => n)).to.deep.equal([1, 2]);
    await worker.stop();
  });

  it('are given up at a stop, and done again', async () => {
    const runs: Run[] = [];
    const worker = queue.start([queue.noting(runs, () => new Promise(() => {}))]);
    await addJob(queue.db, noteJob, { n: 3 });
    await eventually(() => runs.length === 1);
    const pid = postgres.pid() ?? 0;
    process.kill(pid, 'SIGKILL');
    await worker.stop();
    await eventually(() => postgres.pid() !== undefined && postgres.pid() !== pid, 30_000);
    queue.start([queue.noting(runs)], { alone: true });
    await eventually(() => runs.length === 2, 30_000);
  });

  it('leave nobody behind who tries again when their worker has stopped', async () => {
    const { pool, close } = createPatientPool({
      url: postgres.url,
      applicationName: 'patient',
      maxConnections: 2,
      statementTimeoutMs: 20_000,
      clock: systemClock,
      onLost() {},
    });
    const codeOf = (asked: Promise<unknown>) =>
      asked.then(
        () => 'answered',
        ({ code }: { code?: string }) => code,
      );
    /** How a statement fails whose connection breaks. */
    async function broken(closing: () => void) {
      const client = await pool.connect();
      const code = codeOf(client.query('select pg_sleep(20)'));
      closing();
      await eventually(
        async () =>
          (
            await queue.db.anyFirst(typed<{ ended: boolean }>()`
            select pg_terminate_backend(pid) as ended from pg_stat_activity
            where application_name = 'patient' and query like '%pg_sleep%'`)
          ).length > 0,
      );
      await code;
      client.release(true);
      // Its process shows its last statement until it is gone: the next one to be ended is another.
      await eventually(
        async () =>
          !(await queue.db.exists(typed<object>()`
            select 1 from pg_stat_activity where application_name = 'patient' and query like '%pg_sleep%'`)),
      );
      return code;
    }
    await eventually(async () => (await codeOf(pool.query('select 1'))) === 'answered', 30_000);
    expect(await broken(() => {}), 'while it is open').to.equal('57P03');
    let closed: Promise<void> | undefined;
    expect(
      await broken(() => {
        closed = close();
      }),
      'once it closes',
    ).to.equal('57P01');
    expect(await codeOf(pool.connect())).to.equal(undefined);
    await closed;
  });
});

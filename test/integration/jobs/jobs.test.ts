import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { Type } from 'typebox';
import { addJob, countJobs, listDead, retryDead } from '../../../ops/jobs/jobs.store.ts';
import { defineJob, handleJob } from '../../../ops/jobs/kind.ts';
import { refusalOf } from '../../../schemas/errors.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { type Program, startProgram } from '../../support/process.ts';
import { run as runSql } from '../database/support.ts';
import { noteJob, openQueue, type Queue, type Run } from './support.ts';

describe('jobs', () => {
  let database: TestDatabase;
  let queue: Queue;
  let program: Program | undefined;

  beforeEach(async () => {
    database = await createTestDatabase();
    queue = await openQueue(database.url);
  });
  afterEach(async () => {
    program?.kill();
    await program?.ended();
    program = undefined;
    await queue.stop();
    await database.drop();
  });

  const numbers = (runs: readonly Run[]) => runs.map(({ n }) => n);
  const left = async () => {
    const { waiting, running, dead } = await countJobs(queue.db);
    return waiting + running + dead;
  };

  it('run after the commit of the transaction that added them, and never where that failed', async () => {
    const runs: Run[] = [];
    queue.start([queue.noting(runs)]);
    await queue.db
      .transaction(async (tx) => {
        await addJob(tx, noteJob, { n: 1 });
        throw new Error('this transaction fails');
      })
      .catch(() => {});
    await queue.db.transaction(async (tx) => {
      await addJob(tx, noteJob, { n: 2 });
      await pause(300);
      expect(runs).to.deep.equal([]);
    });
    await eventually(async () => runs.length > 0 && (await left()) === 0);
    expect(numbers(runs)).to.deep.equal([2]);
  });

  it('are taken once, however many workers there are', async () => {
    const runs: Run[] = [];
    for (let n = 0; n < 3; n++) queue.start([queue.noting(runs)]);
    const all = Array.from({ length: 60 }, (_, n) => n);
    await Promise.all(all.map((n) => addJob(queue.db, noteJob, { n })));
    await eventually(async () => (await left()) === 0);
    expect(numbers(runs).sort((a, b) => a - b)).to.deep.equal(all);
  });

  it('that fail are tried again later, and after the last try wait for an operator', async () => {
    const runs: Run[] = [];
    let broken = true;
    queue.start([
      queue.noting(runs, async () => {
        if (broken) throw new Error('could not write to somebody@example.com');
      }),
    ]);
    await addJob(queue.db, noteJob, { n: 7 });
    await eventually(async () => (await listDead(queue.db, 10)).length === 1);
    expect(runs.map(({ tries, lastTry }) => [tries, lastTry])).to.deep.equal([
      [1, false],
      [2, true],
    ]);
    const [dead] = await listDead(queue.db, 10);
    expect(dead).to.include({ kind: 'note', tries: 2, error: 'Error' });
    expect(queue.ended).to.deep.equal(['note failed', 'note dead']);
    expect(queue.lines.join()).to.include('a job has failed for good').and.not.include('somebody');

    broken = false;
    expect(await retryDead(queue.db, ['999999'])).to.equal(0);
    expect(await retryDead(queue.db, [dead?.id ?? ''])).to.equal(1);
    await eventually(async () => (await left()) === 0);
    expect(numbers(runs)).to.deep.equal([7, 7, 7]);
  });

  it('of a process that was killed run again elsewhere, once', async function () {
    this.timeout(60_000);
    const script = 'test/integration/jobs/hanging-worker.ts';
    // So long a busy machine may hold up one that lives.
    const deadMs = 3000;
    program = startProgram({ script, args: [database.url, `${deadMs}`] });
    await addJob(queue.db, noteJob, { n: 5 });
    await eventually(() => program?.stdout().includes('took 5') ?? false);
    const runs: Run[] = [];
    queue.start([queue.noting(runs)], { deadMs });
    // Longer than a dead worker is waited for: this one lives.
    await pause(deadMs + 500);
    expect(runs).to.deep.equal([]);
    program.kill();
    await eventually(async () => (await left()) === 0, 20_000);
    await pause(600);
    expect(runs.map(({ n, tries }) => [n, tries])).to.deep.equal([[5, 2]]);
  });

  it('that a process left when it died run at once where it was alone', async () => {
    const script = 'test/integration/jobs/hanging-worker.ts';
    program = startProgram({ script, args: [database.url] });
    await addJob(queue.db, noteJob, { n: 6 });
    await eventually(() => program?.stdout().includes('took 6') ?? false);
    program.kill();
    await program.ended();
    const runs: Run[] = [];
    queue.start([queue.noting(runs)], { alone: true, deadMs: 3_600_000 });
    await eventually(async () => (await left()) === 0);
    expect(numbers(runs)).to.deep.equal([6]);
  });

  it('that run when a worker stops are waited for; those that do not end are aborted and run again', async () => {
    const runs: Run[] = [];
    let end = () => {};
    const held = new Promise<void>((resolve) => {
      end = resolve;
    });
    const first = queue.start(
      [queue.noting(runs, ({ n }) => (n === 1 ? held : new Promise(() => {})))],
      // Well above what the first one takes after the stop.
      { graceMs: 2000 },
    );
    await addJob(queue.db, noteJob, { n: 1 });
    await addJob(queue.db, noteJob, { n: 2 });
    await eventually(() => runs.length === 2);
    const stopped = first.stop();
    await pause(150);
    end();
    await stopped;
    expect(queue.ended.sort()).to.deep.equal(['note done', 'note failed']);
    expect(await countJobs(queue.db)).to.deep.equal({ waiting: 1, running: 0, dead: 0 });
    await addJob(queue.db, noteJob, { n: 3 });
    const more: Run[] = [];
    queue.start([queue.noting(more)]);
    await eventually(async () => (await left()) === 0);
    expect(numbers(more).sort()).to.deep.equal([2, 3]);
  });

  it('that take too long are aborted', async () => {
    const slow = defineJob('slow', Type.Object({}), { maxMs: 50, maxTries: 1 });
    let aborted = false;
    queue.start([
      handleJob(slow, async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        aborted = true;
        await new Promise(() => {});
      }),
    ]);
    await addJob(queue.db, slow, {});
    await eventually(async () => (await listDead(queue.db, 1)).length === 1);
    expect(aborted).to.equal(true);
  });

  it('are refused when their payload is none of their kind', async () => {
    const wrong = { n: 'one' } as unknown as { n: number };
    const refusal = await addJob(queue.db, noteJob, wrong).catch(refusalOf);
    expect(refusal).to.include({ code: 'invalid' });
    expect(await left()).to.equal(0);
  });

  it('of one key take the place of the one that waits', async () => {
    for (const n of [1, 2, 3]) await addJob(queue.db, noteJob, { n }, { key: 'same' });
    const runs: Run[] = [];
    queue.start([queue.noting(runs)]);
    await eventually(async () => (await left()) === 0);
    expect(numbers(runs)).to.deep.equal([3]);
  });

  it('wait for their time', async () => {
    const runAt = Date.now() + 600;
    await addJob(queue.db, noteJob, { n: 1 }, { runAt });
    const times: number[] = [];
    queue.start([queue.noting([], async () => void times.push(Date.now()))]);
    await eventually(() => times.length === 1);
    expect(times[0]).to.be.at.least(runAt);
  });

  it('of a timetable are done by one of all workers, also those that were missed while none ran', async () => {
    const missed = new Date(Date.now() - 5 * 60_000);
    const at = `${missed.getUTCMinutes()} * * * *`;
    await runSql(
      database.url,
      `insert into graphile_worker._private_known_crontabs (identifier, known_since, last_execution)
       values ('clean', now() - interval '2 hours', now() - interval '20 minutes')`,
    );
    const clean = defineJob('clean', Type.Object({}, { additionalProperties: false }));
    let runs = 0;
    const timed = {
      handler: handleJob(clean, async () => {
        runs++;
      }),
      at,
    };
    for (let n = 0; n < 3; n++) queue.start([], { timetable: [timed] });
    await eventually(() => runs > 0);
    await eventually(async () => (await left()) === 0);
    await pause(300);
    expect(runs).to.equal(1);
  });
});

import type { Runner } from 'graphile-worker';
import { createPatientPool } from '../connections/patient-pool.ts';
import { type Database, databaseFault } from '../connections/postgres.ts';
import { type Clock, sleep } from '../process/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { beat, countJobs, forgetWorker, type JobState, takeFromTheDead } from './jobs.store.ts';
import type { JobHandler, TimedJob } from './kind.ts';
import { runQueue } from './library.ts';
import { type Outcome, taskOf } from './task.ts';

export interface JobWorkerOptions {
  url: string;
  db: Database;
  handlers: readonly JobHandler[];
  timetable: readonly TimedJob[];
  /** Jobs that run at the same time. */
  concurrency: number;
  clock: Clock;
  logger: Logger;
  observe?: {
    ended(kind: string, outcome: Outcome, seconds: number): void;
    counts(counts: Record<JobState, number>): void;
  };
  /** Nobody else works on this queue: what is locked when it starts was left by a process that died. */
  alone?: boolean;
  /** How often it shows that it lives. Default 5 s. */
  beatMs?: number;
  /** After so long without a sign another worker's jobs are taken from it. Default 30 s. */
  deadMs?: number;
  /** How often it looks for jobs whose time has come; those that are due at once are told to it. Default 2 s. */
  pollMs?: number;
  /** At a stop, what running jobs get before they are aborted. Default 3 s. */
  graceMs?: number;
}

export interface JobWorker {
  /** Takes no more jobs and waits for those that run, aborting them after a while. */
  stop(): Promise<void>;
}

const restartMs = 1000;

/**
 * Works on the queue until it is stopped. Where PostgreSQL is away it waits, and goes on. The library keeps a job
 * locked for four hours when its process dies, so workers watch each other: each leaves a sign of life, and takes
 * the jobs of those that have left none for `deadMs`.
 */
export function startJobWorker(options: JobWorkerOptions): JobWorker {
  const {
    db,
    clock,
    logger,
    observe,
    beatMs = 5000,
    deadMs = 30_000,
    pollMs = 2000,
    graceMs = 3000,
  } = options;
  const patient = createPatientPool({
    url: options.url,
    applicationName: 'suhbat jobs',
    // One listens, one is for the timetable.
    maxConnections: options.concurrency + 2,
    statementTimeoutMs: 30_000,
    clock,
    onLost: (error) => logger.debug({ code: (error as { code?: string }).code }, 'a connection was lost'),
  });
  const handlers = [...options.handlers, ...options.timetable.map(({ handler }) => handler)];
  const tasks = Object.fromEntries(
    handlers.map((handler) => [handler.name, taskOf(handler, { clock, logger, observe: observe?.ended })]),
  );
  const timetable = options.timetable.map(({ handler, at }) => ({ task: handler.name, at }));

  let stopping = false;
  let runner: Runner | undefined;
  let workerId: string | undefined;
  /** Monotonic milliseconds: since when every sign of life was written. */
  let steadySince: number | undefined;
  let cancelBeat = () => {};

  async function keepRunning(): Promise<void> {
    let left = options.alone === true;
    while (!stopping) {
      try {
        if (left) await takeFromTheDead(db, 0);
        left = false;
        runner = await runQueue({
          pool: patient.pool,
          tasks,
          timetable,
          concurrency: options.concurrency,
          pollMs,
          graceMs,
          onWorker: (id) => {
            workerId = id;
          },
        });
        if (stopping) await runner.stop();
        await runner.promise;
      } catch (error) {
        if (!stopping) logger.error({ err: error }, 'the job queue broke down and is begun anew');
      }
      if (!stopping) await sleep(clock, restartMs);
    }
  }

  async function live(): Promise<void> {
    try {
      if (workerId !== undefined) await beat(db, workerId);
      const now = clock.monotonic();
      steadySince ??= now;
      // After an outage nobody has been seen for a while, though all may live: they get time to show it.
      if (now - steadySince >= deadMs) {
        const taken = await takeFromTheDead(db, deadMs);
        if (taken > 0) logger.warn({ jobs: taken }, 'jobs of a dead process are done again');
      }
      observe?.counts(await countJobs(db));
    } catch (error) {
      steadySince = undefined;
      if (databaseFault(error) === 'lost') logger.debug({ err: error }, 'the database is away');
      else logger.warn({ err: error }, 'the job queue could not be looked after');
    }
    if (stopping) return;
    cancelBeat = clock.after(beatMs, () => {
      living = live();
    });
  }

  const running = keepRunning();
  let living = live();

  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    stopping = true;
    cancelBeat();
    // Where PostgreSQL is away nothing more can be noted: the jobs that ran are done again.
    const late = sleep(clock, 2 * graceMs).then(patient.giveUp);
    await Promise.race([late, runner?.stop('stopping').catch(() => {})]);
    await Promise.race([late, Promise.all([running, living])]);
    await Promise.race([late, patient.close()]);
    if (workerId !== undefined) await forgetWorker(db, workerId).catch(() => {});
  }

  return {
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

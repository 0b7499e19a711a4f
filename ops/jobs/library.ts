import { EventEmitter } from 'node:events';
import {
  Logger as LibraryLogger,
  parseCronItems,
  type Runner,
  run,
  runMigrations,
  type Task,
} from 'graphile-worker';
import { createPatientPool, type PatientPool } from '../connections/patient-pool.ts';
import type { Clock } from '../process/clock.ts';

/** All that knows graphile-worker. */

/** What a timetable missed while no process ran is done at the start, when it is not older than this. */
const missedMs = 60 * 60 * 1000;

const schema = 'graphile_worker';
/** Its lines hold payloads and messages of errors: ours are made from what handlers do. */
const logger = new LibraryLogger(() => () => {});

/** Brings the queue's own schema up to date. Only under the lock of our migrations. */
export async function migrateQueue(url: string, clock: Clock): Promise<void> {
  const patient = createPatientPool({
    url,
    applicationName: 'suhbat migrate jobs',
    maxConnections: 1,
    statementTimeoutMs: 60_000,
    clock,
    onLost() {},
  });
  try {
    await runMigrations({ pgPool: patient.pool, schema, logger, events: new EventEmitter() });
  } finally {
    await patient.close();
  }
}

export interface QueueOptions {
  pool: PatientPool['pool'];
  tasks: Record<string, Task>;
  timetable: readonly { task: string; at: string }[];
  concurrency: number;
  pollMs: number;
  /** At a stop, jobs that still run after so long are aborted. */
  graceMs: number;
  /** The name under which this run of the queue locks its jobs. */
  onWorker(id: string): void;
}

/** Runs jobs until it is stopped. `promise` of what it gives ends with it, and rejects where it broke down. */
export function runQueue(options: QueueOptions): Promise<Runner> {
  const events = new EventEmitter();
  events.on('pool:create', ({ workerPool }: { workerPool: { id: string } }) =>
    options.onWorker(workerPool.id),
  );
  return run({
    pgPool: options.pool,
    schema,
    logger,
    events,
    taskList: options.tasks,
    parsedCronItems: parseCronItems(
      options.timetable.map(({ task, at }) => ({
        task,
        match: at,
        identifier: task,
        options: { backfillPeriod: missedMs },
      })),
    ),
    concurrency: options.concurrency,
    pollInterval: options.pollMs,
    gracefulShutdownAbortTimeout: options.graceMs,
    noHandleSignals: true,
  });
}

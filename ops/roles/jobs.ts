import type { JobHandler, TimedJob } from '../jobs/kind.ts';
import { startJobWorker } from '../jobs/worker.ts';
import { namespaced } from '../telemetry/logger.ts';
import type { Process } from './process.ts';
import type { Storage } from './storage.ts';

/** What the services do outside of requests. */
export interface Jobs {
  handlers: JobHandler[];
  timetable: TimedJob[];
}

/** Works on the queue; after the broker has started, because jobs may call services. */
export async function startJobs(
  { life, config, clock, logger, metrics }: Process,
  { url, db }: Storage,
  { handlers, timetable }: Jobs,
): Promise<void> {
  await life.part(
    'jobs',
    () =>
      startJobWorker({
        url,
        db,
        handlers,
        timetable,
        alone: config.databaseUrl === undefined,
        concurrency: config.jobs,
        clock,
        logger: namespaced(logger, 'jobs'),
        graceMs: config.stopDeadline / 4,
        observe: {
          ended: (kind, outcome, seconds) => metrics.jobSeconds.observe({ kind, outcome }, seconds),
          counts(counts) {
            for (const [state, count] of Object.entries(counts)) metrics.jobs.set({ state }, count);
          },
        },
      }),
    (worker) => worker.stop(),
  );
}

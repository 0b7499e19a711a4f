import { pino } from 'pino';
import { Type } from 'typebox';
import { defineJob, handleJob, type JobHandler, type JobRun, type TimedJob } from '../../../ops/jobs/kind.ts';
import { type JobWorker, type JobWorkerOptions, startJobWorker } from '../../../ops/jobs/worker.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { connectTo } from '../../support/database.ts';

/** A kind whose handler does what the test says. */
export const noteJob = defineJob('note', Type.Object({ n: Type.Integer() }), { maxTries: 2 });

export interface Run extends JobRun {
  n: number;
}

export async function openQueue(url: string) {
  const db = await connectTo(url);
  const workers = new Set<JobWorker>();
  const lines: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const ended: string[] = [];

  return {
    db,
    lines,
    ended,
    /** Every run of a job, by all workers. */
    runs: [] as Run[],
    start(
      handlers: readonly JobHandler[],
      more: Partial<JobWorkerOptions> & { timetable?: TimedJob[] } = {},
    ): JobWorker {
      const worker = startJobWorker({
        url,
        db,
        handlers,
        timetable: [],
        concurrency: 2,
        clock: systemClock,
        logger,
        observe: { ended: (kind, outcome) => ended.push(`${kind} ${outcome}`), counts() {} },
        beatMs: 50,
        // Only who looks for the dead gives a short one: a machine that does much else keeps the living silent.
        deadMs: 20_000,
        pollMs: 100,
        graceMs: 300,
        ...more,
      });
      workers.add(worker);
      return worker;
    },
    /** A handler that writes its runs down and then does `work`. */
    noting(runs: Run[], work: (run: Run) => Promise<void> = async () => {}): JobHandler {
      return handleJob(noteJob, async ({ n }, about) => {
        const run = { n, ...about };
        runs.push(run);
        await work(run);
      });
    },
    async stop(): Promise<void> {
      for (const worker of workers) await worker.stop();
      await db.end();
    },
  };
}

export type Queue = Awaited<ReturnType<typeof openQueue>>;

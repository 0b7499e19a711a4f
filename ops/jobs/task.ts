import type { Task } from 'graphile-worker';
import type { Clock } from '../process/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { JobHandler } from './kind.ts';

/** `failed` will be tried again; `dead` waits for an operator. */
export type Outcome = 'done' | 'failed' | 'dead';

interface Around {
  clock: Clock;
  logger: Logger;
  observe: ((kind: string, outcome: Outcome, seconds: number) => void) | undefined;
}

/** A handler as the library runs it: bounded in time, counted, and with errors that tell nothing personal. */
export function taskOf(handler: JobHandler, { clock, logger, observe }: Around): Task {
  return async (payload, { job, abortSignal }) => {
    const began = clock.monotonic();
    const signal = AbortSignal.any([abortSignal, AbortSignal.timeout(handler.maxMs)]);
    const lastTry = job.attempts >= job.max_attempts;
    const seconds = () => (clock.monotonic() - began) / 1000;
    try {
      const about = { id: String(job.id), tries: job.attempts, lastTry, signal };
      await orAborted(handler.run(withoutTime(payload), about), signal);
      observe?.(handler.name, 'done', seconds());
    } catch (error) {
      const told = nameOf(error);
      const line = {
        job: String(job.id),
        kind: handler.name,
        tries: job.attempts,
        why: told,
        at: placeOf(error),
      };
      observe?.(handler.name, lastTry ? 'dead' : 'failed', seconds());
      if (lastTry) logger.error(line, 'a job has failed for good');
      else logger.warn(line, 'a job has failed and is tried again');
      // Kept beside the job, for `npm run jobs -- list`.
      throw new Error(told);
    }
  };
}

/** The library puts the time of a timed job into its payload. */
function withoutTime(payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null || !('_cron' in payload)) return payload;
  const { _cron, ...rest } = payload;
  return rest;
}

function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new Aborted());
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  });
}

class Aborted extends Error {
  readonly code = 'aborted';
}

/** Messages of errors quote addresses and rows; codes and names do not. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return /^[A-Za-z0-9_.-]{1,64}$/.test(code) ? code : 'unknown';
}

const linesTold = 6;

function placeOf(error: unknown): string[] {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  return lines
    .filter((line) => /^\s+at /.test(line))
    .slice(0, linesTold)
    .map((line) => line.trim());
}

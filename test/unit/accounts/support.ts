import type { Clock } from '../../../ops/process/clock.ts';
import { SuhbatError } from '../../../schemas/errors.ts';

export interface ManualClock extends Clock {
  advance(ms: number): void;
}

/** A clock that starts at the real time and moves only when it is told to. */
export function manualClock(): ManualClock {
  let passed = 0;
  const start = Date.now();
  const waiting = new Set<{ at: number; task: () => void }>();
  return {
    now: () => start + passed,
    monotonic: () => passed,
    after(ms, task) {
      const entry = { at: passed + ms, task };
      waiting.add(entry);
      return () => void waiting.delete(entry);
    },
    advance(ms) {
      passed += ms;
      for (const entry of [...waiting]) if (entry.at <= passed && waiting.delete(entry)) entry.task();
    },
  };
}

/** The code and reason of the refusal that `work` ends with; any other error comes out as it is. */
export async function reasonOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof SuhbatError)) throw error;
    return [error.code, error.refusal.reason].filter((word) => word !== undefined).join(' ');
  }
  throw new Error('it was not refused');
}

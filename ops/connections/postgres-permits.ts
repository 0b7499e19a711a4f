import type { Clock } from '../process/clock.ts';
import { NoFreeConnection } from './postgres-faults.ts';

export interface Permits {
  /** Resolves with the function that gives the permit back; rejects with NoFreeConnection. */
  take(): Promise<() => void>;
  waiting(): number;
}

export interface PermitsOptions {
  count: number;
  /** How many may wait for one; the next is refused at once. */
  maxWaiting: number;
  timeoutMs: number;
  clock: Clock;
}

/** First come, first served. Slonik's own queue for connections has neither a bound nor a time-out. */
export function createPermits({ count, maxWaiting, timeoutMs, clock }: PermitsOptions): Permits {
  const waiters = new Set<() => void>();
  let free = count;

  function giveBack(): void {
    const [next] = waiters;
    if (next === undefined) free++;
    else next();
  }

  function once(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      giveBack();
    };
  }

  return {
    waiting: () => waiters.size,
    async take() {
      if (free > 0) {
        free--;
        return once();
      }
      if (waiters.size >= maxWaiting) throw new NoFreeConnection('Too many wait for a database connection');
      await new Promise<void>((resolve, reject) => {
        const cancel = clock.after(timeoutMs, () => {
          waiters.delete(served);
          reject(new NoFreeConnection(`No database connection was free within ${timeoutMs} ms`));
        });
        function served(): void {
          cancel();
          waiters.delete(served);
          resolve();
        }
        waiters.add(served);
      });
      return once();
    },
  };
}

import type { ServiceBroker } from 'moleculer';
import { SuhbatError } from '../../schemas/errors.ts';
import { type Clock, sleep } from '../process/clock.ts';
import type { Call } from './call.ts';

/** Who offers what, as far as is known here. */
export interface Offers {
  /** Is there a node for this action, and a way to it? */
  has(action: string): boolean;
  /** Tells of each change, once it holds; the returned function ends that. */
  onChange(listener: () => void): () => void;
}

export interface PatienceParts {
  call: Call;
  offers: Offers;
  clock: Clock;
  /** 0 ≤ n < 1. */
  random(): number;
  /** Milliseconds of a call without a budget; no call waits as if it had more. */
  budgetMs: number;
  /** Calls that may wait; one more is refused at once. */
  most: number;
}

export interface PatientCalls {
  call: Call;
  /** Calls that wait. */
  waiting(): number;
  /** Those that wait are refused. */
  close(): void;
}

/**
 * Of its budget, or of the usual one where that is shorter, a call waits for this part at the most: a try without time
 * would turn "not done" into "unknown".
 */
const waitPart = 0.8;
/** Between two tries of an action that is offered, and refused all the same; doubled each time, up to the second. */
const pauseMs = 25;
const pauseMostMs = 400;

export function offersOf({ registry, localBus, transit }: ServiceBroker): Offers {
  return {
    has: (action) => transit?.tx.connected !== false && registry.actions.isAvailable(action),
    onChange(listener) {
      localBus.on('$services.changed', listener);
      return () => void localBus.off('$services.changed', listener);
    },
  };
}

/**
 * Calls that nobody serves just now wait, in the order in which they were refused, and are made when somebody does:
 * so the restart of the only node of a service costs its users time, and no error. What was refused as
 * `unavailable` (`no_service`) was not done; no other refusal, and nothing of unknown outcome, is repeated. Where nobody
 * comes, that refusal is thrown after four fifths of the budget.
 */
export function createPatientCalls(parts: PatienceParts): PatientCalls {
  const { call, offers, clock, random, budgetMs, most } = parts;
  const unoffered = new Map<() => void, string>();
  let waiting = 0;
  let closed = false;

  function wake(): void {
    for (const [resolve, action] of [...unoffered]) if (closed || offers.has(action)) resolve();
  }

  /** Until somebody offers it, or for so long. */
  function offered(action: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        unoffered.delete(end);
        resolve();
      };
      const cancel = clock.after(ms, end);
      unoffered.set(end, action);
    });
  }

  /** False where it was not worth it: the time is over, or too many wait. */
  async function wait(action: string, until: number, pause: number): Promise<boolean> {
    const left = until - clock.monotonic();
    if (closed || left <= 0 || waiting >= most) return false;
    waiting++;
    if (offers.has(action)) await sleep(clock, Math.min(left, pause * (0.5 + random())));
    else await offered(action, left);
    waiting--;
    return !closed && clock.monotonic() < until;
  }

  const end = offers.onChange(wake);
  return {
    async call<Reply>(action: string, params: object, meta: Parameters<Call>[2]) {
      const began = clock.monotonic();
      const budget = meta.budget_ms ?? budgetMs;
      const until = began + Math.min(budget, budgetMs) * waitPart;
      let own = meta;
      for (let pause = pauseMs; ; pause = Math.min(pause * 2, pauseMostMs)) {
        try {
          return await call<Reply>(action, params, own);
        } catch (error) {
          if (!nobodyServes(error) || !(await wait(action, until, pause))) throw error;
          own = { ...meta, budget_ms: Math.ceil(budget - (clock.monotonic() - began)) };
        }
      }
    },
    waiting: () => waiting,
    close() {
      closed = true;
      end();
      wake();
    },
  };
}

function nobodyServes(error: unknown): boolean {
  if (!(error instanceof SuhbatError)) return false;
  const { code, reason } = error.refusal;
  return code === 'unavailable' && reason === 'no_service';
}

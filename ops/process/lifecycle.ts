import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from './clock.ts';

/** Starts parts in reading order and stops them in reverse. */
export interface Lifecycle {
  /**
   * Starts one part and gives it back; `stop` ends it later, in the milliseconds it is given. Throws what
   * `start` threw, and `Stopped` when the process is to stop: before this part began, or while it did.
   */
  part<T>(
    name: string,
    start: () => Promise<T> | T,
    stop: (part: T, withinMs: number) => unknown,
  ): Promise<T>;
  /**
   * The same for a part whose start does nothing but wait for somebody else, such as a server that is away: a stop
   * does not wait for it. Where it starts after all, it is stopped at once.
   */
  waitingPart<T>(
    name: string,
    start: () => Promise<T>,
    stop: (part: T, withinMs: number) => unknown,
  ): Promise<T>;
  /**
   * Stops every part that was started, newest first, when the one that is just starting has started.
   * One that fails is logged and passed over. Gives the names of those that were not stopped in time;
   * a second call gives the same answer.
   */
  stop(): Promise<string[]>;
}

/** Thrown by `part` when the process stops while it is still starting. Nothing is wrong. */
export class Stopped extends Error {}

interface Started {
  name: string;
  stop(withinMs: number): unknown;
}

export function createLifecycle(options: { logger: Logger; clock: Clock; deadlineMs: number }): Lifecycle {
  const { logger, clock, deadlineMs } = options;
  const started: Started[] = [];
  let starting: Promise<unknown> = Promise.resolve();
  let stopping: Promise<string[]> | undefined;
  const stopped = new AbortController();

  async function stopAll(): Promise<string[]> {
    const end = clock.monotonic() + deadlineMs;
    const left = () => Math.max(0, end - clock.monotonic());
    const late: string[] = [];
    if (!(await within(left(), starting))) late.push('start');
    for (let part = started.pop(); part !== undefined; part = started.pop()) {
      const { name, stop } = part;
      const began = clock.monotonic();
      // The last part to stop may be the data folder's lock: it gets a moment even when time is up.
      const budget = Math.max(leastMs, left());
      const inTime = await within(
        budget,
        attempt(name, () => stop(budget)),
      );
      if (!inTime) late.push(name);
      logger.debug({ part: name, ms: Math.round(clock.monotonic() - began), in_time: inTime }, 'stopped');
    }
    return late;
  }

  async function attempt(name: string, stop: () => unknown): Promise<void> {
    try {
      await stop();
    } catch (error) {
      logger.error({ part: name, err: error }, 'this part failed to stop');
    }
  }

  const lifecycle: Lifecycle = {
    async part(name, start, stop) {
      if (stopping) throw new Stopped(name);
      const began = clock.monotonic();
      const begun = (async () => start())();
      starting = begun.then(
        (part) => started.push({ name, stop: (withinMs) => stop(part, withinMs) }),
        () => undefined,
      );
      const part = await begun;
      await starting;
      if (stopping) throw new Stopped(name);
      logger.debug({ part: name, ms: Math.round(clock.monotonic() - began) }, 'started');
      return part;
    },
    stop() {
      stopping ??= stopAll();
      stopped.abort();
      return stopping;
    },
    async waitingPart(name, start, stop) {
      if (stopping) throw new Stopped(name);
      let settled = false;
      const begun = start().finally(() => {
        settled = true;
      });
      const { promise: given, reject } = Promise.withResolvers<never>();
      given.catch(() => undefined);
      const giveUp = () => {
        if (settled) return;
        reject(new Stopped(name));
        begun.then(
          (late) => attempt(name, () => stop(late, leastMs)),
          () => undefined,
        );
      };
      stopped.signal.addEventListener('abort', giveUp, { once: true });
      try {
        return await lifecycle.part(name, () => Promise.race([begun, given]), stop);
      } finally {
        stopped.signal.removeEventListener('abort', giveUp);
      }
    },
  };
  return lifecycle;
}

const leastMs = 100;

/** True when the promise settled in time. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  try {
    const settled = promise.then(() => true);
    return await Promise.race([settled, wait(ms, false, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}

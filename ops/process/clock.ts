/** Time, injected: tests and the simulation bring their own. */
export interface Clock {
  /** Milliseconds since 1970; may step. For times that people see. */
  now(): number;
  /** Milliseconds that only grow. For budgets, time-outs and ages. */
  monotonic(): number;
  /** Calls `task` once after `ms`; the returned function cancels it. Does not keep the process alive. */
  after(ms: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms` of this clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

import type { Clock } from '../../ops/process/clock.ts';

/** A clock that stands still until it is told to move. */
export class VirtualClock implements Clock {
  #now: number;
  #timers: { at: number; order: number; task: () => void }[] = [];
  #order = 0;

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  /** When the next timer is due; undefined when there is none. */
  get next(): number | undefined {
    return this.#timers.length === 0 ? undefined : Math.min(...this.#timers.map((timer) => timer.at));
  }

  /** Moves to the next timer and runs it; false when there is none. */
  step(): boolean {
    const [first] = this.#timers.sort((a, b) => a.at - b.at || a.order - b.order);
    if (first === undefined) return false;
    this.#timers.shift();
    this.#now = Math.max(this.#now, first.at);
    first.task();
    return true;
  }

  /** Moves by so many milliseconds, running what is due, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (let next = this.next; next !== undefined && next <= until; next = this.next) {
      this.step();
      await settled();
    }
    this.#now = until;
    await settled();
  }

  /** Moves by so many milliseconds, running nothing: as where the process stood still. */
  leap(ms: number): void {
    this.#now += ms;
  }
}

/** Lets everything run that waits for nothing but promises. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

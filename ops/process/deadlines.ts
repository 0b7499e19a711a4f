import type { Clock } from './clock.ts';

/** Milliseconds that share one timer. */
const sliceMs = 16;

/**
 * Deadlines of the many calls that are almost always answered in time: one timer for all that fall into the same
 * slice, so that a call costs a place in a set and not a timer. A deadline may come early, by less than a slice; one
 * that is nearer than that has a timer of its own.
 */
export class Deadlines {
  readonly #clock: Clock;
  /** By the beginning of the slice, in monotonic milliseconds. */
  readonly #slices = new Map<number, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls the task at this monotonic time, if nobody cancels it before with what is returned. */
  at(time: number, task: () => void): () => void {
    const now = this.#clock.monotonic();
    const begin = Math.floor(time / sliceMs) * sliceMs;
    if (begin <= now) return this.#clock.after(Math.max(0, time - now), task);
    const slice = this.#slices.get(begin) ?? this.#open(begin, now);
    slice.add(task);
    return () => void slice.delete(task);
  }

  #open(begin: number, now: number): Set<() => void> {
    const slice = new Set<() => void>();
    this.#slices.set(begin, slice);
    this.#clock.after(begin - now, () => {
      this.#slices.delete(begin);
      for (const task of slice) task();
    });
    return slice;
  }
}

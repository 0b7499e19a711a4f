import type { Clock } from './clock.ts';

/** What this process slept through: a blocked event loop, SIGSTOP, a paused machine. */
export interface Stalls {
  /** Monotonic milliseconds without the stalls. For how long others were silent: who sleeps hears nobody. */
  awake(): number;
  /** Milliseconds for which what is read just now may have waited to be read; 0 when there was no stall. */
  late(): number;
  close(): void;
}

const tickMs = 100;
/** A tick that is later than this was a stall, of which so much counts. */
const patienceMs = 250;
/** After a stall so much time counts as reading what came in it. */
const backlogMs = 100;

export function watchStalls(clock: Clock): Stalls {
  let last = clock.monotonic();
  let awake = last;
  let stall = 0;
  let stallUntil = 0;
  let cancel = () => {};

  function tick(): void {
    cancel = clock.after(tickMs, () => {
      const now = clock.monotonic();
      const passed = now - last;
      awake += Math.min(passed, patienceMs);
      last = now;
      if (passed > patienceMs) {
        stall = passed;
        stallUntil = now + backlogMs;
      }
      tick();
    });
  }
  tick();

  return {
    awake: () => awake + Math.min(clock.monotonic() - last, patienceMs),
    late() {
      const now = clock.monotonic();
      // The stall may have ended without a tick yet.
      if (now - last > patienceMs) return now - last;
      return now < stallUntil ? stall : 0;
    },
    close: () => cancel(),
  };
}

import { defaultPlatform, type Platform } from '../../../gateway/client/platform.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** Real sockets, but time stands still until the test moves it, and every draw is 0.5. */
export interface TestPlatform extends Platform {
  readonly clock: VirtualClock;
  /** How long from now until each timer that waits, soonest first. */
  waits(): number[];
}

export function testPlatform(): TestPlatform {
  const clock = new VirtualClock();
  const timers = new Map<object, number>();
  return {
    ...defaultPlatform,
    clock,
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    random: () => 0.5,
    after(ms, task) {
      const key = {};
      timers.set(key, clock.monotonic() + ms);
      const cancel = clock.after(ms, () => {
        timers.delete(key);
        task();
      });
      return () => {
        timers.delete(key);
        cancel();
      };
    },
    waits: () => [...timers.values()].map((at) => at - clock.monotonic()).sort((a, b) => a - b),
  };
}

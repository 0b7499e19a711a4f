import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits until `check` gives true. What it gives or throws instead is what the test says when the time,
 * in milliseconds, is over.
 */
export async function eventually(
  check: () => boolean | string | Promise<boolean | string>,
  withinMs = 10_000,
): Promise<void> {
  const until = performance.now() + withinMs;
  let last: unknown = false;
  // The last look begins when the time is over: whoever is held up himself has not looked for long.
  for (let over = false; !over; ) {
    over = performance.now() >= until;
    try {
      last = await check();
      if (last === true) return;
    } catch (error) {
      last = error;
    }
    if (!over) await pause(20);
  }
  throw last instanceof Error ? last : new Error(`It did not happen within ${withinMs} ms: ${String(last)}`);
}

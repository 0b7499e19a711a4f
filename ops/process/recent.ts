import type { Clock } from './clock.ts';

/** What `look` gives, looked at again only when the last look is older than `ms`. */
export function recent<T>(clock: Clock, ms: number, look: () => T): () => T {
  let last: { value: T; at: number } | undefined;
  return () => {
    const now = clock.monotonic();
    if (last === undefined || now - last.at > ms) last = { value: look(), at: now };
    return last.value;
  };
}

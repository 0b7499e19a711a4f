import type { Platform } from './platform.ts';

/** Waiting times that double with each failure, each drawn evenly from zero up ("full jitter"). */
export interface Backoff {
  /** The next time to wait, in milliseconds. */
  next(): number;
  /** It worked: start small again. */
  reset(): void;
}

export function createBackoff(
  platform: Pick<Platform, 'random'>,
  { backoffBaseMs, backoffMaxMs }: { backoffBaseMs: number; backoffMaxMs: number },
): Backoff {
  let ceiling = backoffBaseMs;
  return {
    next() {
      const ms = Math.round(platform.random() * Math.min(ceiling, backoffMaxMs));
      ceiling = Math.min(ceiling * 2, backoffMaxMs);
      return ms;
    },
    reset() {
      ceiling = backoffBaseMs;
    },
  };
}

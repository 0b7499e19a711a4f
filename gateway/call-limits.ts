import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Rate } from '../ops/config/rates.ts';

/** What REST calls are counted by: the name or mail address that somebody tries, his IP address, the user. */
export type CallLimit = 'authPerAddress' | 'authPerIp' | 'calls';

/** Rate limits of this process's REST calls: so many per window and key. */
export interface CallLimits {
  /**
   * Counts one. 0: go on; otherwise the milliseconds until the window is over. It settles within this turn of
   * the event loop, before uWebSockets hands over a body.
   */
  take(name: CallLimit, key: string): Promise<number>;
  /** How much a window takes and its seconds: what the header RateLimit-Policy tells. */
  policy(name: CallLimit): { quota: number; seconds: number };
}

/**
 * Keys leave memory with their window (about 430 bytes each until then). Tries are counted by IP address first, so
 * that nobody can bring in names without bound.
 */
export function createCallLimits(rates: Record<CallLimit, Rate>): CallLimits {
  const windows = {
    authPerAddress: windowOf(rates.authPerAddress),
    authPerIp: windowOf(rates.authPerIp),
    calls: windowOf(rates.calls),
  };
  return {
    async take(name, key) {
      try {
        await windows[name].consume(key);
        return 0;
      } catch (refused) {
        if (refused instanceof RateLimiterRes) return Math.max(1, refused.msBeforeNext);
        throw refused;
      }
    },
    policy(name) {
      const { points, duration } = windows[name];
      return { quota: points, seconds: duration };
    },
  };
}

function windowOf({ amount, perMs }: Rate): RateLimiterMemory {
  return new RateLimiterMemory({ points: amount, duration: perMs / 1000 });
}

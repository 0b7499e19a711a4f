import { createHmac } from 'node:crypto';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Rate } from '../ops/config/rates.ts';
import type { RedisLink } from '../ops/connections/redis.ts';
import type { Clock } from '../ops/process/clock.ts';
import { createLeases, type Drawn } from './leases.ts';

/** What REST calls are counted by: the name or mail address that somebody tries, his IP address, the user. */
export type CallLimit = 'authPerAddress' | 'authPerIp' | 'calls';

/** Rate limits of REST calls: so many per window and key. */
export interface CallLimits {
  /**
   * Counts one. 0: go on; otherwise the milliseconds until the window is over. A promise may settle in a later turn
   * of the event loop than this one, in which uWebSockets hands out the body: ask for that first.
   */
  take(name: CallLimit, key: string): number | Promise<number>;
  /** How much a window takes and its seconds: what the header RateLimit-Policy tells. */
  policy(name: CallLimit): { quota: number; seconds: number };
}

/** Limits that all gateways count together. */
export interface SharedLimits {
  redis: RedisLink;
  /** Stands before every key. */
  prefix: string;
  /** The same in all gateways: Redis sees keys only as an HMAC of it, so that nobody finds addresses there. */
  secret: string;
  clock: Clock;
}

/**
 * Without `shared` this process counts alone. With it a window is one for all gateways, in Redis, and holds exactly;
 * `createLeases` says how that costs no call of Redis for each of ours. While Redis is away, or silent for longer than
 * a command may take, each process counts alone, from nothing; when Redis is back so are its counts.
 *
 * Keys leave memory with their window (about 430 bytes each until then). Tries are counted by IP address first, so
 * that nobody can bring in names without bound.
 */
export function createCallLimits(rates: Record<CallLimit, Rate>, shared?: SharedLimits): CallLimits {
  const take = (name: CallLimit) => (shared ? sharedTake(name, rates[name], shared) : localTake(rates[name]));
  const takes = {
    authPerAddress: take('authPerAddress'),
    authPerIp: take('authPerIp'),
    calls: take('calls'),
  };
  return {
    take: (name, key) => takes[name](key),
    policy(name) {
      const { points, duration } = windowOf(rates[name]);
      return { quota: points, seconds: duration };
    },
  };
}

type Take = (key: string) => number | Promise<number>;

function localTake(rate: Rate): Take {
  const limiter = new RateLimiterMemory(windowOf(rate));
  return async (key) => {
    const { granted, endsMs } = await draw(limiter, rate, key, 1);
    return granted === 1 ? 0 : Math.max(1, endsMs);
  };
}

function sharedTake(name: CallLimit, rate: Rate, { redis, prefix, secret, clock }: SharedLimits): Take {
  const limiter = new RateLimiterRedis({
    ...windowOf(rate),
    storeClient: redis.client,
    keyPrefix: `${prefix}limit:${name}`,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(windowOf(rate)),
  });
  const keyed = createHmac('sha256', secret).update('keys of rate limits').digest();
  const hidden = (key: string) => createHmac('sha256', keyed).update(key).digest('base64url').slice(0, 22);
  const leases = createLeases({
    quota: rate.amount,
    windowMs: rate.perMs,
    draw: (key, points) => draw(limiter, rate, hidden(key), points),
    clock,
  });
  return (key) => leases.take(key);
}

/** As many of `points` as the window still has: a counter that goes over it has given the part below. */
async function draw(
  limiter: RateLimiterMemory | RateLimiterRedis,
  { amount }: Rate,
  key: string,
  points: number,
): Promise<Drawn> {
  const { consumedPoints, remainingPoints, msBeforeNext } = await limiter
    .consume(key, points)
    .catch((refused: unknown) => {
      if (refused instanceof RateLimiterRes) return refused;
      throw refused;
    });
  const before = consumedPoints - points;
  return {
    granted: Math.max(0, Math.min(points, amount - before)),
    left: remainingPoints,
    endsMs: msBeforeNext,
  };
}

function windowOf({ amount, perMs }: Rate) {
  return { points: amount, duration: perMs / 1000 };
}

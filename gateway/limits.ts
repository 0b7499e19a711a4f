import type { Rate } from '../ops/config/rates.ts';
import type { Clock } from '../ops/process/clock.ts';

/**
 * Rate limits of one process: a token bucket per name and key. Each gateway counts what passes through it, at once
 * and in the order of the frames. A login's sockets are on one gateway as a rule; who spreads them over several has
 * the rate once on each.
 */
export interface Limits<Name extends string> {
  /** Takes one token. 0: go on; otherwise the milliseconds until there is one again. */
  take(name: Name, key: string): number;
  /** The bucket's size and the seconds in which it fills: what the header RateLimit-Policy tells. */
  policy(name: Name): { quota: number; seconds: number };
}

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * Bounded without a sweep: buckets live in two generations of at most `entries` keys. When the younger
 * is full it becomes the older, and the older is forgotten. Forgetting a bucket forgives its owner, so
 * `entries` must be well above the callers of one refill time.
 */
export function createLimits<Name extends string>(
  clock: Clock,
  rates: Record<Name, Rate>,
  entries = 50_000,
): Limits<Name> {
  const shelves = new Map<Name, { young: Map<string, Bucket>; old: Map<string, Bucket> }>();
  for (const name of Object.keys(rates) as Name[]) shelves.set(name, { young: new Map(), old: new Map() });

  function bucketOf(name: Name, key: string): Bucket {
    const shelf = shelves.get(name);
    if (shelf === undefined) throw new Error(`There is no rate limit ${name}`);
    const known = shelf.young.get(key);
    if (known !== undefined) return known;
    const bucket = shelf.old.get(key) ?? { tokens: rates[name].burst, at: clock.monotonic() };
    if (shelf.young.size >= entries) {
      shelf.old = shelf.young;
      shelf.young = new Map();
    }
    shelf.young.set(key, bucket);
    return bucket;
  }

  return {
    take(name, key) {
      return takeToken(bucketOf(name, key), rates[name], clock.monotonic());
    },
    policy(name) {
      const { amount, perMs, burst } = rates[name];
      return { quota: burst, seconds: Math.max(1, Math.round((burst * perMs) / amount / 1000)) };
    },
  };
}

/** Milliseconds; what many small additions may be wrong by. */
const rounding = 1e-6;

/** Refills a bucket for the time that has passed and takes one token, as `Limits.take`. */
export function takeToken(bucket: Bucket, rate: Rate, now: number): number {
  const perMs = rate.amount / rate.perMs;
  bucket.tokens = Math.min(rate.burst, bucket.tokens + (now - bucket.at) * perMs);
  bucket.at = now;
  if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / perMs - rounding));
  bucket.tokens -= 1;
  return 0;
}

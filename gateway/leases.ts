import type { Clock } from '../ops/process/clock.ts';

/** What a draw brought: `granted` of the points asked for, `left` in the window for everybody, which ends in `endsMs`. */
export interface Drawn {
  granted: number;
  left: number;
  endsMs: number;
}

export interface LeasesOptions {
  /** Points that all processes together may spend in one window. */
  quota: number;
  windowMs: number;
  /** Takes points out of the shared window, or as many as are left there. */
  draw(key: string, points: number): Promise<Drawn>;
  clock: Clock;
  /** Keys remembered in each of two generations. */
  entries?: number;
}

export interface Leases {
  /** Spends one point. 0: go on; otherwise the milliseconds until the window is over. At once where it is known here. */
  take(key: string): number | Promise<number>;
}

interface Lease {
  /** Points that are ours until `until`, in monotonic milliseconds. */
  points: number;
  until: number;
  /** Points to draw next time. */
  next: number;
  /** Nothing is left in the window: no use in asking. */
  empty: boolean;
  /** Who waits for the draw that is under way, first come first served. */
  waiting: Waiter[];
  drawing: boolean;
}

interface Waiter {
  resolve(wait: number): void;
  reject(error: unknown): void;
}

/** One draw takes this part of what is left for everybody; at least one point. */
const part = 32;

/**
 * Spends a shared limit without asking for each point: a process draws a 32nd of what is left in the window and
 * spends that by itself. Never more than the quota is spent. What a process holds and does not spend is lost to the
 * others until the window ends; as less is left the draws become smaller, down to single points, so a quota below
 * 64 is always shared exactly. One draw is under way for a key, and brings for all who have come until it began.
 *
 * Bounded like the token buckets: two generations of at most `entries` keys, which change at the latest with each
 * window. A forgotten lease is lost to its key, never given twice.
 */
export function createLeases({ quota, windowMs, draw, clock, entries = 50_000 }: LeasesOptions): Leases {
  let young = new Map<string, Lease>();
  let old = new Map<string, Lease>();
  let turned = clock.monotonic();

  function leaseOf(key: string, now: number): Lease {
    if (young.size >= entries || now - turned >= windowMs) {
      old = young;
      young = new Map();
      turned = now;
    }
    let lease = young.get(key);
    if (lease !== undefined) return lease;
    lease = old.get(key) ?? {
      points: 0,
      until: 0,
      next: share(quota),
      empty: false,
      waiting: [],
      drawing: false,
    };
    young.set(key, lease);
    return lease;
  }

  /** Draws until nobody waits: each draw serves or refuses all who came before it. */
  async function drawFor(key: string, lease: Lease): Promise<void> {
    lease.drawing = true;
    try {
      while (lease.waiting.length > 0) {
        const began = clock.monotonic();
        const points = Math.min(quota, Math.max(lease.next, lease.waiting.length));
        const { granted, left, endsMs } = await draw(key, points);
        lease.until = began + endsMs;
        lease.next = share(left);
        lease.empty = granted < points;
        const served = lease.waiting.splice(0, granted);
        lease.points = granted - served.length;
        for (const { resolve } of served) resolve(0);
        if (lease.empty) for (const { resolve } of lease.waiting.splice(0)) resolve(Math.max(1, endsMs));
      }
    } catch (error) {
      for (const { reject } of lease.waiting.splice(0)) reject(error);
    } finally {
      lease.drawing = false;
    }
  }

  return {
    take(key) {
      const now = clock.monotonic();
      const lease = leaseOf(key, now);
      if (now < lease.until) {
        if (lease.points > 0) {
          lease.points--;
          return 0;
        }
        if (lease.empty) return Math.max(1, lease.until - now);
      } else if (!lease.drawing) {
        lease.next = share(quota);
      }
      return new Promise((resolve, reject) => {
        lease.waiting.push({ resolve, reject });
        if (!lease.drawing) void drawFor(key, lease);
      });
    },
  };
}

function share(left: number): number {
  return Math.max(1, Math.floor(left / part));
}

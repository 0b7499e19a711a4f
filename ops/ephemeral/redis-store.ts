import type { RedisLink } from '../connections/redis.ts';
import type { EphemeralStore } from './store.ts';

/**
 * The store of a cluster: every process sees the same keys, under `prefix`. While Redis is away each operation
 * fails at once. Needs Redis 6.2 (GETDEL). The link is its caller's to close.
 */
export function createRedisStore(redis: RedisLink, prefix: string): EphemeralStore {
  return {
    async set(key, value, ttlMs) {
      await redis.run((client) => client.set(prefix + key, value, 'PX', whole(ttlMs)));
    },
    async add(key, value, ttlMs) {
      const done = await redis.run((client) => client.set(prefix + key, value, 'PX', whole(ttlMs), 'NX'));
      return done !== null;
    },
    async get(key) {
      return (await redis.run((client) => client.get(prefix + key))) ?? undefined;
    },
    async take(key) {
      return (await redis.run((client) => client.getdel(prefix + key))) ?? undefined;
    },
    async delete(key) {
      await redis.run((client) => client.del(prefix + key));
    },
    async close() {},
  };
}

/** Redis takes no fractions, and no lives of nothing. */
function whole(ttlMs: number): number {
  return Math.max(1, Math.round(ttlMs));
}

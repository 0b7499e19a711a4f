import type { Clock } from '../process/clock.ts';
import type { EphemeralStore } from './store.ts';

/** The store of a single process. At `capacity` keys the oldest go first. */
export function createMemoryStore(clock: Clock, capacity = 1_000_000): EphemeralStore {
  const entries = new Map<string, { value: string; expires: number }>();

  function read(key: string): string | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expires > clock.monotonic()) return entry.value;
    entries.delete(key);
    return undefined;
  }

  return {
    async set(key, value, ttlMs) {
      entries.delete(key);
      entries.set(key, { value, expires: clock.monotonic() + ttlMs });
      if (entries.size <= capacity) return;
      const oldest = entries.keys().next().value;
      if (oldest !== undefined) entries.delete(oldest);
    },
    async get(key) {
      return read(key);
    },
    async take(key) {
      const value = read(key);
      entries.delete(key);
      return value;
    },
    async delete(key) {
      entries.delete(key);
    },
    async close() {
      entries.clear();
    },
  };
}

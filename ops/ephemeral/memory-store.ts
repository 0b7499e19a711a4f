import type { Clock } from '../process/clock.ts';
import type { EphemeralStore } from './store.ts';

/** Old entries looked at with every new one: so what has expired is gone soon, without a timer. */
const lookedAt = 2;

/** The store of a single process. At `capacity` keys the oldest go first. */
export function createMemoryStore(clock: Clock, capacity = 1_000_000): EphemeralStore {
  const entries = new Map<string, { value: string; expires: number }>();

  let walk = entries.entries();

  /** Goes round and round over the entries, a few steps at a time. */
  function forgetExpired(): void {
    for (let step = 0; step < lookedAt; step++) {
      const { value: entry, done } = walk.next();
      if (done) walk = entries.entries();
      else if (entry[1].expires <= clock.monotonic()) entries.delete(entry[0]);
    }
  }

  function read(key: string): string | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expires > clock.monotonic()) return entry.value;
    entries.delete(key);
    return undefined;
  }

  function write(key: string, value: string, ttlMs: number): void {
    entries.delete(key);
    entries.set(key, { value, expires: clock.monotonic() + ttlMs });
    forgetExpired();
    if (entries.size <= capacity) return;
    const oldest = entries.keys().next().value;
    if (oldest !== undefined) entries.delete(oldest);
  }

  return {
    async set(key, value, ttlMs) {
      write(key, value, ttlMs);
    },
    async add(key, value, ttlMs) {
      if (read(key) !== undefined) return false;
      write(key, value, ttlMs);
      return true;
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

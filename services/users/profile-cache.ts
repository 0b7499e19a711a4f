import type { EphemeralStore } from '../../ops/ephemeral/store.ts';
import type { UserRow } from './views.ts';

/** Rows of `users` by id, kept for a while: profiles are read far more often than they change. */
export interface ProfileCache {
  /** The kept row, or what `load` gives. */
  read(userId: string, load: () => Promise<UserRow | null>): Promise<UserRow | null>;
  /** After every write of the row, before its answer: the next read sees it. */
  drop(userId: string): Promise<void>;
}

/** Milliseconds. */
const keptMs = 30_000;
/** Longer than any read of the row may take, so that one which began before a write cannot be kept after it. */
const droppedMs = 15_000;
const dropped = '-';

/**
 * Without a store nothing is kept: where several processes share one it would hold mail addresses, and asking it costs
 * as much as reading the row.
 */
export function createProfileCache(ephemeral: EphemeralStore | undefined): ProfileCache {
  if (ephemeral === undefined) return { read: (_, load) => load(), drop: async () => {} };
  const keyOf = (userId: string) => `profile:${userId}`;
  return {
    async read(userId, load) {
      const key = keyOf(userId);
      const kept = await ephemeral.get(key);
      if (kept !== undefined && kept !== dropped) return JSON.parse(kept) as UserRow;
      const row = await load();
      if (row !== null && kept === undefined) await ephemeral.add(key, JSON.stringify(row), keptMs);
      return row;
    },
    drop: (userId) => ephemeral.set(keyOf(userId), dropped, droppedMs),
  };
}

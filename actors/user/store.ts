import { sql } from 'slonik';
import { gather } from '../../ops/connections/gather.ts';
import { type Database, storing, type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { SeenMark } from './rules.ts';

/** When users were last seen: the one column of `users` that their actors write. */
export interface UserStore<Tx> {
  /** ISO 8601; null: never seen, or no such user. */
  lastSeen(id: string): Promise<string | null>;
  writeSeen(tx: Tx, marks: readonly { id: string; mark: SeenMark }[]): Promise<void>;
}

export function createUserStore(database: Database): UserStore<Transaction> {
  const lastSeen = gather(async (ids: readonly string[]) => {
    const rows = await database.any(typed<{ id: string; last_seen_at: string | null }>()`
      select id, last_seen_at from users where id = any(${sql.array([...ids], 'uuid')})`);
    const found = new Map(rows.map((row) => [row.id, row.last_seen_at]));
    return ids.map((id) => found.get(id) ?? null);
  });
  return {
    lastSeen: (id) => storing(() => lastSeen(id)),

    async writeSeen(tx, marks) {
      const rows = marks.map(({ id, mark }) => [id, mark.at]);
      await tx.query(sql.unsafe`
        update users set last_seen_at = greatest(users.last_seen_at, seen.at)
        from ${sql.unnest(rows, ['uuid', 'timestamptz'])} as seen (id, at)
        where users.id = seen.id and users.deleted_at is null`);
    },
  };
}

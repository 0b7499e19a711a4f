import { sql } from 'slonik';
import { StartError } from '../process/start-error.ts';
import { type Transaction, typed } from './postgres.ts';

/**
 * Fixes the number of shards at the first boot on a database, and refuses another one ever after: it says
 * which shard an actor is in, and so where its journal is.
 */
export async function fixShards(db: Transaction, shards: number): Promise<void> {
  await db.query(sql.unsafe`
    insert into cluster_settings (key, value) values ('shards', ${String(shards)}) on conflict do nothing`);
  const fixed = await db.oneFirst(typed<{ value: string }>()`
    select value from cluster_settings where key = 'shards'`);
  if (Number(fixed) !== shards)
    throw new StartError(
      `Suhbat cannot start: SUHBAT_SHARDS is ${shards}, but this database was made with ${fixed}.`,
    );
}

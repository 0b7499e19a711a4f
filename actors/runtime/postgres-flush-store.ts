import { sql } from 'slonik';
import { type Database, databaseFault, type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { Checkpoint, FlushStore } from './flush-store.ts';

type Row = Checkpoint & { shard: number };

/**
 * The flusher's side of PostgreSQL. `database` is a pool of its own with one connection for each lane and
 * one for claims; its sessions end after 2 s idle in a transaction, so that a paused flusher holds no locks.
 */
export function createPostgresFlushStore(database: Database): FlushStore<Transaction> {
  return {
    async checkpoint(shard) {
      const row = await database.maybeOne(
        typed<Checkpoint>()`select journal_id, epoch, position from shard_checkpoints where shard = ${shard}`,
      );
      return row ?? undefined;
    },

    async checkpoints(shards) {
      const rows = await database.any(typed<Row>()`
        select shard, journal_id, epoch, position from shard_checkpoints
        where shard = any(${sql.array([...shards], 'int4')})`);
      return new Map(rows.map((row) => [row.shard, row]));
    },

    async claim(shard, journalId, epoch) {
      const row = await database.maybeOne(typed<Checkpoint>()`
        insert into shard_checkpoints as row (shard, journal_id, epoch, position)
        values (${shard}, ${journalId}, ${epoch}, 0)
        on conflict (shard) do update set journal_id = excluded.journal_id, epoch = excluded.epoch, updated_at = now()
        where row.epoch < excluded.epoch
        returning journal_id, epoch, position`);
      return row ?? undefined;
    },

    async frozen(shard) {
      const rows = await database.any(typed<{ actor: string }>()`
        select distinct kind || '/' || actor_id as actor from dead_letters
        where shard = ${shard} and freezes and resolved_at is null`);
      return rows.map((row) => row.actor);
    },

    async transaction(_lane, work) {
      await database.transaction(work);
    },

    async lock(tx, shards) {
      const rows = await tx.any(typed<Row>()`
        select shard, journal_id, epoch, position from shard_checkpoints
        where shard = any(${sql.array([...shards], 'int4')}) order by shard for update`);
      return new Map(rows.map((row) => [row.shard, row]));
    },

    async advance(tx, positions) {
      const rows = positions.map(({ shard, position }) => [shard, position]);
      await tx.query(sql.unsafe`
        update shard_checkpoints as row set position = next.position, updated_at = now()
        from ${sql.unnest(rows, ['int4', 'int8'])} as next (shard, position) where row.shard = next.shard`);
    },

    async adopt(tx, shard, { journal_id, epoch, position }) {
      await tx.query(sql.unsafe`
        insert into shard_checkpoints (shard, journal_id, epoch, position)
        values (${shard}, ${journal_id}, ${epoch}, ${position})
        on conflict (shard) do update set journal_id = excluded.journal_id, epoch = excluded.epoch,
          position = excluded.position, updated_at = now()`);
    },

    async savepoint(tx, work) {
      await tx.transaction(work);
    },

    async bury(tx, letter) {
      await tx.query(sql.unsafe`
        insert into dead_letters (shard, position, kind, actor_id, event, error, freezes)
        values (${letter.shard}, ${letter.position}, ${letter.kind}, ${letter.actor_id},
                ${JSON.stringify(letter.event)}::json, ${letter.error}, ${letter.freezes})`);
    },

    poison: (error) => databaseFault(error) === 'poison',
  };
}

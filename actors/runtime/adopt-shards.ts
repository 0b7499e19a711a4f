import { sleep } from '../../ops/process/clock.ts';
import { type Adopted, type AdoptParts, adoptShard, NotAlone } from './adopt.ts';
import { examineShard } from './examine.ts';
import type { FlushStore } from './flush-store.ts';
import { runtimeDefaults } from './options.ts';

/** Longer than a flusher pauses before it tries again, and about what a transaction takes then. */
export const quietMs = runtimeDefaults.retryMaxMs + 3000;
/** A shard to which somebody still wrote is waited for so often. */
const rounds = 3;

/** `adopted`: undefined where the shard is whole, and nothing was done. */
export type Adoption = { shard: number; adopted: Adopted | undefined } | { shard: number; error: unknown };

/**
 * Adopts those of the shards that are broken. An owner whose journal was lost while PostgreSQL was away holds
 * what was acked in its memory alone, and an adoption fences its flush. So each shard is left alone for `quietMs`
 * first, all of them together, and once more where somebody wrote to it meanwhile; `waiting` is told. Who
 * has a journal to himself is alone anyway. An owner that cannot reach PostgreSQL is not seen by this.
 */
export async function* adoptShards<Tx>(
  shards: readonly number[],
  parts: AdoptParts<Tx>,
  waiting: (shards: number) => void = () => {},
): AsyncGenerator<Adoption> {
  const { journal, clock } = parts;
  const store = parts.store as FlushStore;
  let left = shards;
  for (let round = 1; left.length > 0; round++) {
    const seen = new Map<number, string>();
    for (const shard of left) {
      let early: Adoption | undefined;
      try {
        const found = await examineShard(shard, { journal, store, pageSize: runtimeDefaults.replayRecords });
        if (found.broken === undefined) early = { shard, adopted: undefined };
        else seen.set(shard, found.version);
      } catch (error) {
        early = { shard, error };
      }
      if (early !== undefined) yield early;
    }
    if (seen.size > 0 && !journal.exclusive) {
      waiting(seen.size);
      await sleep(clock, quietMs);
    }
    left = [];
    for (const [shard, version] of seen) {
      const done = await adoptOne(shard, parts, version);
      if ('error' in done && done.error instanceof NotAlone && round < rounds) left = [...left, shard];
      else yield done;
    }
  }
}

async function adoptOne<Tx>(shard: number, parts: AdoptParts<Tx>, version: string): Promise<Adoption> {
  try {
    return { shard, adopted: await adoptShard(shard, parts, version) };
  } catch (error) {
    return { shard, error };
  }
}

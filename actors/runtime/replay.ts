import { readTail } from './claim.ts';
import type { OwnedShard } from './shard.ts';

/** Publishes again what an earlier owner committed and left unflushed, and flushes it: page by page. */
export async function replayTail(shard: OwnedShard, pageSize: number): Promise<void> {
  for await (const records of readTail(shard.number, shard.checkpoint, shard.journal, pageSize)) {
    if (shard.closed) return;
    for (const { position, record } of records) shard.replay(position, record);
    await shard.queue.drained();
  }
}

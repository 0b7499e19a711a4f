import type { Journal } from '../journal/journal.ts';
import { BrokenChain, gap, readTail } from './claim.ts';
import type { Checkpoint, FlushStore } from './flush-store.ts';
import { decodeHeader, type RecordHeader } from './record.ts';

/** A shard as its journal and its checkpoint row show it. */
export interface Examined {
  checkpoint: Checkpoint | undefined;
  newest: (RecordHeader & { position: number }) | undefined;
  /** Events after the checkpoint, as far as the chain goes. */
  unflushed: number;
  /** What was lost, in words; undefined: the shard can go on. */
  broken: string | undefined;
  /** The same as long as nobody writes to the shard's journal or its row. */
  version: string;
}

/**
 * Checks the whole chain from the checkpoint to the shard's newest record, and changes nothing. `unless`:
 * where the version is this one, the chain is not walked, and was broken when it was.
 */
export async function examineShard(
  shard: number,
  { journal, store, pageSize }: { journal: Journal; store: FlushStore; pageSize: number },
  unless?: string,
): Promise<Examined> {
  // In this order, as a claim does.
  const checkpoint = await store.checkpoint(shard);
  const found = await journal.newest(shard);
  const newest = found && { ...decodeHeader(found.payload), position: found.position };
  const version = [checkpoint?.journal_id, checkpoint?.epoch, checkpoint?.position, newest?.position].join();
  const seen = { checkpoint, newest, version, unflushed: 0 };
  if (version === unless) return { ...seen, broken: 'as before' };
  const broken = gap(journal.id, newest?.position ?? 0, checkpoint);
  if (broken !== undefined) return { ...seen, broken };
  try {
    for await (const records of readTail(shard, checkpoint?.position ?? 0, journal, pageSize))
      for (const { record } of records) seen.unflushed += record.events.length;
  } catch (error) {
    if (!(error instanceof BrokenChain)) throw error;
    return { ...seen, broken: error.message };
  }
  return { ...seen, broken: undefined };
}

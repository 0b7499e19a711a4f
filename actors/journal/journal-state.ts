import { createDuplicateWindow, type DuplicateWindow } from './duplicate-window.ts';
import type { StoredRecord } from './record-codec.ts';
import type { Segment } from './segment.ts';
import { createShardIndex, type ShardIndex } from './shard-index.ts';

/** What the file journal keeps in memory: only what is durable in its segments. */
export interface JournalState {
  readonly id: string;
  readonly folder: string;
  /** Oldest first; the last one is written to. */
  readonly segments: Segment[];
  readonly shards: Map<number, ShardState>;
  /** The position that the next record gets. */
  next: number;
}

export interface ShardState {
  readonly index: ShardIndex;
  readonly window: DuplicateWindow;
  /** Records at or below it may be forgotten. Not kept over a restart: the runtime trims again. */
  trimmed: number;
}

export function shardState(state: JournalState, shard: number): ShardState {
  let found = state.shards.get(shard);
  if (found === undefined) {
    found = { index: createShardIndex(), window: createDuplicateWindow(), trimmed: 0 };
    state.shards.set(shard, found);
  }
  return found;
}

export function newestPosition(state: JournalState, shard: number): number {
  return state.shards.get(shard)?.index.last()?.position ?? 0;
}

/** Bytes of all segments, up to where their records end. */
export function journalBytes(state: JournalState): number {
  let bytes = 0;
  for (const segment of state.segments) bytes += segment.end;
  return bytes;
}

/**
 * Takes a durable record into the state. Gives why it cannot follow the records before it, if it cannot:
 * positions count up by one, and a carried copy stands for its shard's newest record.
 */
export function admit(
  state: JournalState,
  segment: Segment,
  at: number,
  end: number,
  record: Pick<StoredRecord, 'carried' | 'shard' | 'position' | 'messageId'>,
): string | undefined {
  const place = { position: record.position, segment: segment.ordinal, at, bytes: end - at };
  const shard = shardState(state, record.shard);
  const newest = shard.index.last();
  if (!record.carried) {
    if (record.position !== state.next)
      return `it holds position ${record.position} where ${state.next} follows`;
    state.next++;
    segment.own = true;
    shard.index.push(place);
    shard.index.trim(shard.trimmed);
  } else if (newest?.position === record.position) {
    shard.index.moveLast(place);
  } else if (newest === undefined && record.position < state.next) {
    shard.index.push(place);
  } else {
    return `it repeats position ${record.position}, which is not the newest of shard ${record.shard}`;
  }
  shard.window.remember(record.messageId, record.position);
  segment.end = end;
  return undefined;
}

import type { JournalDisk } from './journal-disk.ts';
import type { JournalState } from './journal-state.ts';
import type { CarriedRecord, RoundWriter } from './round-writer.ts';
import type { Segment } from './segment.ts';
import { readPlaces } from './segment-reader.ts';
import type { Place } from './shard-index.ts';

/** Copies of one round, about. */
const CARRY_BYTES = 1024 * 1024;

export interface SegmentCleaner {
  /** Resolves when every segment that can go is gone. */
  clean(): Promise<void>;
  /** Finishes the step that it is at, and does no more. */
  stop(): Promise<void>;
}

/**
 * Deletes segments whose records are all trimmed, the oldest first and never the one that is written to.
 * A shard's newest record is never forgotten; where such records alone keep a segment, copies of them are
 * carried into the newest segment, so that an idle shard does not hold the others' bytes.
 */
export function createSegmentCleaner(
  state: JournalState,
  disk: JournalDisk,
  writer: RoundWriter,
): SegmentCleaner {
  let cleaning: Promise<void> | undefined;
  let again = false;
  let stopped = false;

  async function run(): Promise<void> {
    try {
      while (again) {
        again = false;
        while (await cleanOldest());
      }
    } finally {
      cleaning = undefined;
    }
  }

  /** True when the oldest segment went, or may go at the next look. */
  async function cleanOldest(): Promise<boolean> {
    const [oldest, next] = state.segments;
    if (!oldest || !next || writer.failure || stopped) return false;
    const kept = onlyNewest(oldest);
    if (kept === undefined) return false;
    if (kept.length > 0) await carry(kept);
    else await remove(oldest);
    return true;
  }

  /** The records that keep a segment; undefined if one of them is not trimmed yet. */
  function onlyNewest(segment: Segment): { shard: number; place: Place }[] | undefined {
    const kept: { shard: number; place: Place }[] = [];
    for (const [shard, { index, trimmed }] of state.shards) {
      const place = index.first();
      if (place?.segment !== segment.ordinal) continue;
      if (index.size > 1 || place.position > trimmed) return undefined;
      kept.push({ shard, place });
    }
    return kept;
  }

  async function carry(kept: { shard: number; place: Place }[]): Promise<void> {
    const copies: CarriedRecord[] = [];
    let bytes = 0;
    for (const { shard, place } of kept) {
      if (bytes > 0 && bytes + place.bytes > CARRY_BYTES) break;
      copies.push(...((await readPlaces(disk, state, shard, [place])) ?? []));
      bytes += place.bytes;
    }
    await writer.carry(copies);
  }

  /** Synced one by one: if a later segment went for good and an earlier one came back, the chain would break. */
  async function remove(segment: Segment): Promise<void> {
    // Out of sight first: a reader that finds the file gone looks the places up again.
    state.segments.shift();
    try {
      await disk.remove(segment.path);
    } catch (error) {
      state.segments.unshift(segment);
      throw error;
    }
    try {
      await disk.syncFolder(state.folder);
    } catch (error) {
      throw writer.stop(error, 'syncing the folder');
    }
  }

  return {
    clean() {
      again = true;
      cleaning ??= run();
      return cleaning;
    },
    async stop() {
      stopped = true;
      await cleaning?.catch(() => {});
    },
  };
}

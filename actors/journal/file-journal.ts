import { randomUUID } from 'node:crypto';
import type { Clock } from '../../ops/process/clock.ts';
import { type Journal, JournalError } from './journal.ts';
import { type JournalDisk, systemDisk } from './journal-disk.ts';
import { type JournalState, journalBytes, shardState } from './journal-state.ts';
import type { StoredRecord } from './record-codec.ts';
import { type JournalCut, type Recovered, recover } from './recovery.ts';
import { createRoundWriter, type JournalRound } from './round-writer.ts';
import { createSegment } from './segment.ts';
import { createSegmentCleaner } from './segment-cleaner.ts';
import { readPlaces } from './segment-reader.ts';
import { createSegmentTail } from './segment-tail.ts';
import type { Place } from './shard-index.ts';

export interface FileJournalOptions {
  /** The journal's folder, made if it is missing. Nobody else may write there: the caller holds a lock. */
  dir: string;
  clock: Clock;
  /**
   * The flushed positions by shard, of the journal with this id. Asked before a bad tail is cut: a cut below one of
   * them is refused. Default: none.
   */
  checkpoints?: (journalId: string) => Promise<ReadonlyMap<number, number>>;
  /**
   * A new segment begins after so many bytes: up to 1 GiB and a quarter of `maxBytes`. Default 64 MiB, or
   * 1/16 of `maxBytes` if that is less.
   */
  segmentBytes?: number;
  /** Bound of all segments; the last tenth is for reserved appends. Default 8 GiB. */
  maxBytes?: number;
  /** After each write and sync. */
  onRound?: (round: JournalRound) => void;
  /** A torn tail was cut at the start. */
  onCut?: (cut: JournalCut) => void;
  /** The journal takes no more writes. Called once. */
  onFailure?: (failure: JournalError) => void;
  disk?: JournalDisk;
}

export interface FileJournal extends Journal {
  /** Why the journal takes no more writes in this process; undefined while it does. */
  failure(): JournalError | undefined;
  /** `waiting`: appends that wait for a round. */
  usage(): { bytes: number; maxBytes: number; segments: number; waiting: number };
}

/**
 * The journal as append-only segments in a folder; `exclusive`. Opening reads every segment (about 0.3 s
 * of CPU for 100 MB), and throws a JournalError whose message is a sentence for the operator when the
 * journal is not whole. Appends fail `refused`, `full` (the bound, or no room on the disk) and `failed`,
 * never `in_doubt`. `trim` resolves when the segments that can go are deleted. The duplicate window is each
 * shard's sixteen newest records.
 */
export async function openFileJournal(options: FileJournalOptions): Promise<FileJournal> {
  const { dir, clock, maxBytes = 8 * 1024 ** 3, disk = systemDisk } = options;
  const { onRound = ignore, onFailure = ignore, onCut = ignore } = options;
  const segmentBytes = options.segmentBytes ?? Math.min(64 * 1024 ** 2, Math.floor(maxBytes / 16));
  // Only whole segments are freed, and places in them take 32 bits.
  if (segmentBytes > Math.min(maxBytes / 4, 1024 ** 3))
    throw new RangeError(`A segment of ${segmentBytes} bytes is too large in a journal of ${maxBytes}.`);

  await disk.makeFolder(dir);
  const checkpoints = options.checkpoints ?? (async () => new Map<number, number>());
  const { state, file } =
    (await recover({ disk, folder: dir, checkpoints, onCut })) ?? (await begin(disk, dir));
  const tail = createSegmentTail(state, disk, file, segmentBytes);
  const writer = createRoundWriter({ state, tail, clock, segmentBytes, maxBytes, onRound, onFailure });
  const cleaner = createSegmentCleaner(state, disk, writer);

  let closed = false;

  function check(): void {
    if (closed) throw new JournalError('failed', 'The journal is closed.');
  }

  /** Reads what `find` gives; it is asked again when a segment was deleted in between. */
  async function read(shard: number, find: () => Place[]): Promise<StoredRecord[]> {
    check();
    for (;;) {
      const oldest = state.segments[0];
      const records = await readPlaces(disk, state, shard, find());
      if (records) return records;
      if (oldest === state.segments[0])
        throw new JournalError('failed', `A journal segment is missing in ${dir}.`);
    }
  }

  return {
    id: state.id,
    exclusive: true,
    append: writer.append,
    async newest(shard) {
      const found = await read(shard, () => {
        const place = state.shards.get(shard)?.index.last();
        return place ? [place] : [];
      });
      return found[0] && publicRecord(found[0]);
    },
    async read(shard, after, limit) {
      const found = await read(shard, () => state.shards.get(shard)?.index.after(after, limit) ?? []);
      return found.map(publicRecord);
    },
    async trim(shard, position) {
      check();
      const found = shardState(state, shard);
      found.trimmed = Math.max(found.trimmed, Math.min(position, found.index.last()?.position ?? 0));
      found.index.trim(found.trimmed);
      await cleaner.clean();
    },
    async close() {
      closed = true;
      const written = writer.close();
      await cleaner.stop();
      await written;
    },
    failure: () => writer.failure,
    usage: () => ({
      bytes: journalBytes(state),
      maxBytes,
      segments: state.segments.length,
      waiting: writer.waiting,
    }),
  };
}

async function begin(disk: JournalDisk, folder: string): Promise<Recovered> {
  const id = randomUUID();
  const { segment, file } = await createSegment(disk, folder, { id, first: 1 }, 0);
  const state: JournalState = { id, folder, segments: [segment], shards: new Map(), next: 1 };
  return { state, file };
}

function publicRecord({ position, payload }: StoredRecord) {
  return { position, payload };
}

function ignore(): void {}

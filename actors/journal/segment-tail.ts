import { type DiskFile, isNoSpace, type JournalDisk } from './journal-disk.ts';
import type { JournalState } from './journal-state.ts';
import { createSegment, type Segment } from './segment.ts';

/**
 * Zeros written ahead of the records, with the records that reach their end: while the file does not grow,
 * fdatasync need not commit its size. Measured on ext4: a round of 4 KB takes 0.19 instead of 0.33 ms and 80
 * instead of 130 µs of CPU, one of 230 KB 0.42 instead of 0.50 ms; 4 MiB ahead is slower again (10 ms at
 * worst).
 */
const ZEROS = Buffer.alloc(512 * 1024);

/** The end of the newest segment: the only place that is written to. */
export interface SegmentTail {
  readonly segment: Segment;
  /** Writes after the last record. `ENOSPC`: a part may be written; `takeBack` is due. */
  write(bytes: Buffer): Promise<void>;
  sync(): Promise<void>;
  /** Makes sure that nothing written since the last sync comes back after a crash. */
  takeBack(): Promise<void>;
  /** Goes on in a new segment. Throws `ENOSPC` when there is no room for one; then nothing has changed. */
  roll(): Promise<void>;
  close(): Promise<void>;
}

export function createSegmentTail(
  state: JournalState,
  disk: JournalDisk,
  opened: DiskFile,
  segmentBytes: number,
): SegmentTail {
  let file = opened;
  let segment = state.segments.at(-1) as Segment;
  let zerosEnd = segment.end;

  async function cut(): Promise<void> {
    await file.truncate(segment.end);
    zerosEnd = segment.end;
  }

  /** Zeros that do not fit onto the disk are no loss. */
  async function writeZeros(from: number): Promise<void> {
    zerosEnd = from;
    const length = Math.min(ZEROS.length, segmentBytes - from);
    if (length <= 0) return;
    try {
      await file.write(ZEROS.subarray(0, length), from);
      zerosEnd += length;
    } catch (error) {
      if (!isNoSpace(error)) throw error;
    }
  }

  return {
    get segment() {
      return segment;
    },
    async write(bytes) {
      await file.write(bytes, segment.end);
      const end = segment.end + bytes.length;
      if (end > zerosEnd) await writeZeros(end);
    },
    sync: () => file.datasync(),
    async takeBack() {
      await cut();
      await file.sync();
    },
    async roll() {
      await cut();
      const head = { id: state.id, first: state.next };
      const made = await createSegment(disk, state.folder, head, segment.ordinal + 1);
      const full = file;
      ({ segment, file } = made);
      zerosEnd = segment.end;
      state.segments.push(segment);
      await full.close();
    },
    close: () => file.close(),
  };
}

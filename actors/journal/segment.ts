import { join } from 'node:path';
import { crc32c } from './crc32c.ts';
import { JournalError } from './journal.ts';
import type { DiskFile, JournalDisk } from './journal-disk.ts';

/**
 * A segment starts with 64 bytes, little-endian:
 *
 *     0   8 bytes  `SUHBATJL`
 *     8   u32      version of the format
 *    12  16 bytes  the journal's id, a UUID
 *    28   f64      first: the position that the segment's first own record gets
 *    60   u32      CRC32C of the bytes before
 *
 * Positions count up by one over all shards, so segments chain: each begins right after the newest
 * position of the one before, and a missing or shortened one shows.
 */
export const SEGMENT_HEAD_BYTES = 64;
const MAGIC = 'SUHBATJL';
const VERSION = 1;
const SUFFIX = '.journal';

export interface Segment {
  /** Counts segments in this process; grows from older to newer. */
  ordinal: number;
  /** Named by its first position; see `SEGMENT_HEAD_BYTES`. */
  first: number;
  path: string;
  /** Where its records end. */
  end: number;
  /** True once it holds a record that is no carried copy. */
  own: boolean;
}

export interface SegmentHead {
  id: string;
  first: number;
}

export function segmentPath(folder: string, first: number): string {
  return join(folder, String(first).padStart(16, '0') + SUFFIX);
}

/** The first position that a file name says; undefined for a file that is no segment. */
export function segmentFirst(name: string): number | undefined {
  return /^\d{16}\.journal$/.test(name) ? Number.parseInt(name, 10) : undefined;
}

export function encodeSegmentHead(head: SegmentHead): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEAD_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(VERSION, 8);
  bytes.write(head.id.replaceAll('-', ''), 12, 'hex');
  bytes.writeDoubleLE(head.first, 28);
  bytes.writeUInt32LE(crc32c(bytes, 0, SEGMENT_HEAD_BYTES - 4), SEGMENT_HEAD_BYTES - 4);
  return bytes;
}

/** Undefined for bytes that are no whole head. Throws for a head of another version. */
export function decodeSegmentHead(bytes: Buffer, path: string): SegmentHead | undefined {
  if (bytes.length < SEGMENT_HEAD_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return undefined;
  const crcAt = SEGMENT_HEAD_BYTES - 4;
  if (crc32c(bytes, 0, crcAt) !== bytes.readUInt32LE(crcAt)) return undefined;
  const version = bytes.readUInt32LE(8);
  if (version !== VERSION)
    throw new JournalError(
      'failed',
      `The journal segment ${path} has format ${version}; this Suhbat reads format ${VERSION}.`,
    );
  const id = bytes.toString('hex', 12, 28).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { id, first: bytes.readDoubleLE(28) };
}

/**
 * Makes an empty segment that survives a crash, and gives it open for writing. When there is no room,
 * nothing stays behind; an error of a sync is not told as `ENOSPC`, whatever its code.
 */
export async function createSegment(
  disk: JournalDisk,
  folder: string,
  head: SegmentHead,
  ordinal: number,
): Promise<{ segment: Segment; file: DiskFile }> {
  const path = segmentPath(folder, head.first);
  const file = await disk.open(path, 'create');
  try {
    await file.write(encodeSegmentHead(head), 0);
  } catch (error) {
    await file.close();
    await disk.remove(path);
    throw error;
  }
  try {
    await file.sync();
    await disk.syncFolder(folder);
  } catch (error) {
    await file.close().catch(() => {});
    throw new JournalError('failed', `The new journal segment ${path} could not be synced.`, error);
  }
  return { segment: { ordinal, first: head.first, path, end: SEGMENT_HEAD_BYTES, own: false }, file };
}

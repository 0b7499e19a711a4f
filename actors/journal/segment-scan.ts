import {
  decodeRecord,
  MAX_PAYLOAD_BYTES,
  RECORD_HEAD_BYTES,
  recordEnd,
  type StoredRecord,
} from './record-codec.ts';
import { SEGMENT_HEAD_BYTES } from './segment.ts';

export interface Scan {
  /** Where the whole records end. */
  end: number;
  /** Where the round of the last record began; `end` if there is none. */
  lastRound: number;
  /** False when something other than zeros follows the whole records. */
  whole: boolean;
}

/** Visits a segment's records in order, up to the first place that holds none. */
export function scanSegment(
  segment: Buffer,
  visit: (record: StoredRecord, at: number, end: number) => void,
): Scan {
  let at = SEGMENT_HEAD_BYTES;
  let lastRound = at;
  for (;;) {
    const record = decodeRecord(segment, at);
    if (record === undefined) break;
    const end = recordEnd(segment, at) ?? segment.length;
    visit(record, at, end);
    lastRound = record.round;
    at = end;
  }
  return { end: at, lastRound, whole: onlyZeros(segment, at) };
}

/**
 * Where, after the bad bytes at `bad`, a record of a later round stands. Then the bad bytes were whole
 * and durable once, so that this is damage. Undefined: this is a torn write, of which nothing was answered.
 */
export function laterRound(segment: Buffer, bad: number): number | undefined {
  for (let at = bad + 1; at + RECORD_HEAD_BYTES <= segment.length; at++) {
    const round = segment.readUInt32LE(at + 12);
    if (round <= bad || round > at || segment.readUInt32LE(at) > MAX_PAYLOAD_BYTES + 1024) continue;
    if (decodeRecord(segment, at) !== undefined) return at;
  }
  return undefined;
}

const ZEROS = Buffer.alloc(64 * 1024);

function onlyZeros(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at += ZEROS.length) {
    const end = Math.min(at + ZEROS.length, bytes.length);
    if (bytes.compare(ZEROS, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}

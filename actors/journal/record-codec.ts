import { crc32c } from './crc32c.ts';
import { JournalError } from './journal.ts';

/**
 * One record in a segment, little-endian:
 *
 *     0  u32  length: bytes from 8 to the record's end; 0 marks the end of the records
 *     4  u32  CRC32C of those bytes
 *     8  u8   kind: 1 a record, 2 a carried copy of an older record (see segment-cleaner.ts)
 *     9  u8   bytes of the message id
 *    10  u16  shard
 *    12  u32  where in this segment the round that wrote it began
 *    16  f64  position
 *    24       message id, then the payload
 *
 * `round` tells a torn write from damage: a round is written only after the one before it is durable. So a
 * bad record that a later round's record follows was once whole.
 */
export const RECORD_HEAD_BYTES = 24;
export const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;
const MAX_SHARD = 0xffff;
const MAX_MESSAGE_ID_BYTES = 0xff;
const COVERED_FROM = 8;
const KIND_RECORD = 1;
const KIND_CARRIED = 2;

export interface StoredRecord {
  /** A copy of a record whose first place was deleted. */
  carried: boolean;
  shard: number;
  round: number;
  position: number;
  messageId: string;
  payload: Buffer;
}

/** Throws a RangeError for what a record cannot hold. */
export function checkRecord(shard: number, messageId: string, payload: Buffer): void {
  if (!Number.isInteger(shard) || shard < 0 || shard > MAX_SHARD)
    throw new RangeError(`A shard is a whole number from 0 to ${MAX_SHARD}, not ${shard}.`);
  const idBytes = Buffer.byteLength(messageId);
  if (idBytes < 1 || idBytes > MAX_MESSAGE_ID_BYTES)
    throw new RangeError(`A message id takes 1 to ${MAX_MESSAGE_ID_BYTES} bytes, not ${idBytes}.`);
  if (payload.length > MAX_PAYLOAD_BYTES)
    throw new RangeError(`A record holds up to ${MAX_PAYLOAD_BYTES} bytes, not ${payload.length}.`);
}

/** Bytes of the whole record in a segment. */
export function recordBytes(messageId: string, payload: Buffer): number {
  return RECORD_HEAD_BYTES + Buffer.byteLength(messageId) + payload.length;
}

/** Writes the record at `at` of `target`, which has room for it; gives the place after it. */
export function encodeRecord(target: Buffer, at: number, record: StoredRecord): number {
  const idBytes = target.write(record.messageId, at + RECORD_HEAD_BYTES);
  const payloadAt = at + RECORD_HEAD_BYTES + idBytes;
  const end = payloadAt + record.payload.length;
  record.payload.copy(target, payloadAt);
  target.writeUInt32LE(end - at - COVERED_FROM, at);
  target.writeUInt8(record.carried ? KIND_CARRIED : KIND_RECORD, at + 8);
  target.writeUInt8(idBytes, at + 9);
  target.writeUInt16LE(record.shard, at + 10);
  target.writeUInt32LE(record.round, at + 12);
  target.writeDoubleLE(record.position, at + 16);
  target.writeUInt32LE(crc32c(target, at + COVERED_FROM, end), at + 4);
  return end;
}

/** Where the record at `at` ends by its own length, if that length is possible in `source`. */
export function recordEnd(source: Buffer, at: number): number | undefined {
  if (at + RECORD_HEAD_BYTES > source.length) return undefined;
  const end = at + COVERED_FROM + source.readUInt32LE(at);
  return end >= at + RECORD_HEAD_BYTES && end <= source.length ? end : undefined;
}

/**
 * The record at `at`, or undefined when the bytes there are no whole, undamaged record. The payload is a
 * view into `source`.
 */
export function decodeRecord(source: Buffer, at: number): StoredRecord | undefined {
  const end = recordEnd(source, at);
  if (end === undefined) return undefined;
  const kind = source.readUInt8(at + 8);
  const payloadAt = at + RECORD_HEAD_BYTES + source.readUInt8(at + 9);
  if ((kind !== KIND_RECORD && kind !== KIND_CARRIED) || payloadAt > end) return undefined;
  if (crc32c(source, at + COVERED_FROM, end) !== source.readUInt32LE(at + 4)) return undefined;
  return {
    carried: kind === KIND_CARRIED,
    shard: source.readUInt16LE(at + 10),
    round: source.readUInt32LE(at + 12),
    position: source.readDoubleLE(at + 16),
    messageId: source.toString('utf8', at + RECORD_HEAD_BYTES, payloadAt),
    payload: source.subarray(payloadAt, end),
  };
}

/** What keeps a journal from being opened or read: names the file and the place in it. */
export function damaged(path: string, at: number, why: string): JournalError {
  return new JournalError('failed', `The journal segment ${path} is damaged at byte ${at}: ${why}.`);
}

/**
 * What stands in one journal record: a claim, a batch of events, or a release. Every record carries its
 * epoch, its writer, and the position before it, so that the chain can be checked for holes.
 */
export interface ShardRecord {
  type: 'claim' | 'batch' | 'release';
  epoch: number;
  /** Position of the record before this one in the shard; 0 for the first. */
  previous: number;
  node: string;
  /**
   * Heads of the records up to here were told on the bus, by beacons, when this one was written: those after it may be
   * untold where the writer dies. Absent: all of them, as after a release.
   */
  told?: number | undefined;
  /** Kind, actor id, event; empty but in batches. */
  events: [kind: string, id: string, event: unknown][];
}

export type RecordHeader = Omit<ShardRecord, 'events'>;

/** One event as it stands in a record; `text` is the JSON of the event itself. */
export function encodeEvent(kind: string, id: string, text: string): string {
  return `${JSON.stringify([kind, id]).slice(0, -1)},${text}]`;
}

export function encodeRecord(header: RecordHeader, events: readonly string[] = []): Buffer {
  return Buffer.from(`${JSON.stringify(header).slice(0, -1)},"events":[${events.join(',')}]}`);
}

const beforeEvents = Buffer.from(',"events":[');

/** The header alone: a batch may be long, and who wrote it stands at its beginning. */
export function decodeHeader(payload: Buffer): RecordHeader {
  const end = payload.indexOf(beforeEvents);
  if (end < 0) throw new Error('a journal record without a header');
  return JSON.parse(`${payload.toString('utf8', 0, end)}}`) as RecordHeader;
}

export function decodeRecord(payload: Buffer): ShardRecord {
  return JSON.parse(payload.toString()) as ShardRecord;
}

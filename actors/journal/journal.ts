/**
 * The durable log that makes an answer true. One sequence of records per shard; the journal itself
 * decides who may append, by expectation, so that of two owners at most one can ever commit.
 *
 * Contract (`test/contract/journal.contract.ts` holds every adapter to it):
 * - Positions of one shard only grow. They need not be dense.
 * - `append` commits only if the shard's newest record is at `expected` (0: it has none); then the record
 *   survives a crash, and is the newest. Otherwise it fails `refused` and nothing is kept.
 * - Repeating an append with the same `messageId` and payload inside the duplicate window answers the
 *   first one's position and keeps nothing twice. That comes before the expectation is checked.
 * - `read` gives records in order, without holes above what was trimmed.
 * - `trim` forgets records at or below a position, but never a shard's newest.
 * - Appends of different shards may be in flight together; the runtime has one per shard in flight.
 */
export interface Journal {
  /** Names this journal's life: another value means another journal, that starts from nothing. */
  readonly id: string;
  /**
   * True when this process alone can ever write here while it lives (a local file under a lock), so that
   * a claimer need not wait for an older owner's fenced reads to run out.
   */
  readonly exclusive: boolean;
  newest(shard: number): Promise<JournalRecord | undefined>;
  append(append: Append): Promise<number>;
  /** Up to `limit` records after a position, oldest first; fewer mean that there are no more now. */
  read(shard: number, after: number, limit: number): Promise<JournalRecord[]>;
  trim(shard: number, position: number): Promise<void>;
  close(): Promise<void>;
}

export interface Append {
  shard: number;
  /** Unique to this attempt of one node: shard/epoch/node/counter. */
  messageId: string;
  /** The position of the shard's newest record that the writer knows of; 0 for none. */
  expected: number;
  payload: Buffer;
  /** Claims and releases may use the last tenth of a bounded journal. */
  reserved?: boolean;
}

export interface JournalRecord {
  position: number;
  payload: Buffer;
}

/**
 * `refused`: another record is the newest, or this one is larger than any record may be; nothing was kept.
 * `in_doubt`: it may have been kept; repeat with the same message id. `full`: nothing was kept, there may be
 * room later. `failed`: this journal takes no more writes in this process (an fsync error): what was waiting
 * is of unknown outcome. `gone`: the journal was deleted, or another stands in its place: every record is
 * lost, from now on reads fail so too, and only an operator may go on.
 */
export type JournalFault = 'refused' | 'in_doubt' | 'full' | 'failed' | 'gone';

export class JournalError extends Error {
  readonly fault: JournalFault;

  constructor(fault: JournalFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'JournalError';
    this.fault = fault;
  }
}

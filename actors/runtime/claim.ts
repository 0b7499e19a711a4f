import { type Clock, sleep } from '../../ops/process/clock.ts';
import { type Append, type Journal, JournalError, type JournalRecord } from '../journal/journal.ts';
import type { FlushStore } from './flush-store.ts';
import type { RuntimeOptions } from './options.ts';
import { decodeHeader, decodeRecord, encodeRecord, type ShardRecord } from './record.ts';

export interface ClaimParts {
  node: string;
  journal: Journal;
  store: FlushStore;
  clock: Clock;
  options: RuntimeOptions;
  /** Is this node live, as far as this one sees? */
  isLive(node: string): boolean;
  /** Makes message ids of this process unique. */
  attempt(): number;
}

/**
 * How a claim ended. `claimed`: the claim record was kept between the monotonic times `begunAt` and
 * `keptAt`; `released`: the owner before had let go, or there was none. `held`: a live node has the shard; ask it to release. `raced`: another claim came
 * first. `broken`: the journal or PostgreSQL lost something, and only an operator may go on.
 */
export type Claim =
  | {
      outcome: 'claimed';
      epoch: number;
      position: number;
      released: boolean;
      /** Heads after this position may be untold: owners before died, or their claims did not get far. */
      told: number;
      begunAt: number;
      keptAt: number;
    }
  | { outcome: 'held'; by: string }
  | { outcome: 'raced' }
  | { outcome: 'broken'; why: string };

/**
 * Writes a claim record whose precondition is the newest record that was read, and reads it back: the
 * shard is owned only if the newest record is then one's own. Throws what the journal or the store
 * throws; nothing was claimed then, as far as this node may know.
 */
export async function claimShard(shard: number, parts: ClaimParts): Promise<Claim> {
  const { node, journal, store, clock, isLive } = parts;
  // In this order: a live owner's checkpoint may move meanwhile, and must not seem to be past the journal's end.
  const checkpoint = await store.checkpoint(shard);
  const newest = await journal.newest(shard);
  const record = newest && decodeHeader(newest.payload);
  const why = gap(journal.id, newest?.position ?? 0, checkpoint);
  if (why !== undefined) return { outcome: 'broken', why };
  const released = record === undefined || record.type === 'release';
  if (record !== undefined && !released && record.node !== node && isLive(record.node))
    return { outcome: 'held', by: record.node };
  const hole = await holeAfter(shard, checkpoint?.position ?? 0, journal);
  if (hole !== undefined) return { outcome: 'broken', why: hole };

  const epoch = Math.max(record?.epoch ?? 0, checkpoint?.epoch ?? 0) + 1;
  const previous = newest?.position ?? 0;
  // What is replayed from the checkpoint is told anew, and may stay untold here too.
  const told = Math.min(record?.told ?? previous, checkpoint?.position ?? 0);
  const payload = encodeRecord({ type: 'claim', epoch, previous, node, told });
  const messageId = `${shard}/${epoch}/${node}/claim-${parts.attempt()}`;
  const begunAt = clock.monotonic();
  try {
    await persist(parts, { shard, messageId, expected: previous, payload }, parts.options.inDoubtMs);
  } catch (error) {
    if (error instanceof JournalError && error.fault === 'refused') return { outcome: 'raced' };
    throw error;
  }
  const keptAt = clock.monotonic();
  const back = await journal.newest(shard);
  if (back === undefined || !back.payload.equals(payload)) return { outcome: 'raced' };
  return { outcome: 'claimed', epoch, position: back.position, released, told, begunAt, keptAt };
}

/**
 * Writes the release record within so many milliseconds: the next owner claims at once. True if it was written.
 * `told`: where the heads after it are this node's to tell, and it may not have come to that.
 */
export async function releaseShard(
  shard: number,
  held: { epoch: number; newest: number; told?: number | undefined },
  parts: ClaimParts,
  withinMs: number,
): Promise<boolean> {
  const { node } = parts;
  const { epoch, newest: previous, told } = held;
  const payload = encodeRecord({ type: 'release', epoch, previous, node, told });
  const messageId = `${shard}/${epoch}/${node}/release-${parts.attempt()}`;
  try {
    await persist(parts, { shard, messageId, expected: previous, payload }, withinMs);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes sure that the journal does not name this node as the owner of a shard that it does not have: its
 * release record may have been lost with a connection, or its claim have failed half-way. Such a claim may
 * be new, and an owner before it that did not release answer reads for `fenceMs` still. True: it does not, now.
 */
export async function renounceShard(shard: number, parts: ClaimParts, withinMs: number): Promise<boolean> {
  const { journal, node, clock, options } = parts;
  const newest = await journal.newest(shard);
  const record = newest && decodeHeader(newest.payload);
  if (newest === undefined || record?.type === 'release' || record?.node !== node) return true;
  if (!journal.exclusive) await sleep(clock, options.fenceMs);
  const { epoch, told } = record;
  return releaseShard(shard, { epoch, newest: newest.position, told }, parts, withinMs);
}

/**
 * The records after a position in pages, the chain of positions and epochs checked. Throws BrokenChain. The first page
 * has at most `leastRecords`; where records are small the next ones have more, since each page costs the journal and
 * PostgreSQL their round trips, however little it brings.
 */
export async function* readTail(
  shard: number,
  after: number,
  journal: Journal,
  leastRecords: number,
): AsyncGenerator<{ position: number; record: ShardRecord }[]> {
  let position = after;
  let epoch = 0;
  let pageSize = leastRecords;
  for (;;) {
    const page = await journal.read(shard, position, pageSize);
    const records: { position: number; record: ShardRecord }[] = [];
    for (const entry of page) {
      const record = recordOf(shard, entry);
      if (record.previous !== position)
        throw new BrokenChain(
          shard,
          entry,
          `follows ${record.previous}, but ${position} was found before it`,
        );
      if (record.epoch < epoch)
        throw new BrokenChain(shard, entry, `has epoch ${record.epoch}, after a record of epoch ${epoch}`);
      ({ position } = entry);
      ({ epoch } = record);
      records.push({ position, record });
    }
    if (records.length > 0) yield records;
    if (page.length < pageSize) return;
    const bytes = page.reduce((sum, { payload }) => sum + payload.byteLength, 0);
    const fitting = Math.floor((pageBytes * page.length) / Math.max(1, bytes));
    pageSize = Math.min(Math.max(leastRecords, fitting), leastRecords * mostTimes);
  }
}

/** About what a page of small records may hold, and how many times as many records as the first one. */
const pageBytes = 1024 * 1024;
const mostTimes = 16;

export class BrokenChain extends Error {
  constructor(shard: number, { position }: JournalRecord, what: string) {
    super(`shard ${shard}: the record at ${position} ${what}`);
    this.name = 'BrokenChain';
  }
}

/** The record after the checkpoint must follow it: otherwise PostgreSQL is older than what the journal keeps. */
async function holeAfter(shard: number, position: number, journal: Journal): Promise<string | undefined> {
  const [first] = await journal.read(shard, position, 1);
  const previous = first && decodeHeader(first.payload).previous;
  if (previous === undefined || previous === position) return undefined;
  return `PostgreSQL is at position ${position}, and the journal has lost what followed, up to ${previous}`;
}

function recordOf(shard: number, entry: JournalRecord): ShardRecord {
  try {
    return decodeRecord(entry.payload);
  } catch {
    throw new BrokenChain(shard, entry, 'cannot be read');
  }
}

/** What the checkpoint row says against what the journal holds. */
export function gap(
  journalId: string,
  newest: number,
  checkpoint: { journal_id: string; position: number } | undefined,
): string | undefined {
  if (checkpoint === undefined || checkpoint.position === 0) return undefined;
  if (checkpoint.journal_id !== journalId)
    return `PostgreSQL was written from journal ${checkpoint.journal_id}, this one is ${journalId}`;
  if (checkpoint.position > newest)
    return `PostgreSQL is at position ${checkpoint.position}, the journal ends at ${newest}`;
  return undefined;
}

/**
 * Writes a record with the journal's reserve: a claim or a release. Gives its position. What is in doubt is repeated with the same
 * message id inside the duplicate window, and a full journal is waited for, for so long.
 */
export async function persist(
  parts: Pick<ClaimParts, 'journal' | 'clock' | 'options'>,
  append: Append,
  withinMs: number,
): Promise<number> {
  const { journal, clock, options } = parts;
  const until = clock.monotonic() + withinMs;
  for (let pause = options.retryMs; ; pause = Math.min(pause * 2, options.retryMaxMs)) {
    try {
      return await journal.append({ ...append, reserved: true });
    } catch (error) {
      const again = error instanceof JournalError && (error.fault === 'in_doubt' || error.fault === 'full');
      if (!again || clock.monotonic() + pause >= until) throw error;
    }
    await sleep(clock, pause);
  }
}

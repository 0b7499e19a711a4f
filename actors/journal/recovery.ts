import { JournalError } from './journal.ts';
import { type DiskFile, type JournalDisk, readWhole } from './journal-disk.ts';
import { admit, type JournalState, newestPosition } from './journal-state.ts';
import { damaged } from './record-codec.ts';
import { decodeSegmentHead, SEGMENT_HEAD_BYTES, type Segment, segmentFirst, segmentPath } from './segment.ts';
import { laterRound, scanSegment } from './segment-scan.ts';

/** Bytes that a crash left unfinished at the end of the newest segment, and that the start took away. */
export interface JournalCut {
  path: string;
  /** First byte taken away; 0 when the whole file went. */
  at: number;
  bytes: number;
}

export interface Recovered {
  state: JournalState;
  /** The newest segment, open for writing; all that the state holds is durable. */
  file: DiskFile;
}

export interface RecoveryOptions {
  disk: JournalDisk;
  folder: string;
  /** Asked before a bad tail is cut, when nothing is changed yet: the flushed positions by shard, of this journal. */
  checkpoints: (journalId: string) => Promise<ReadonlyMap<number, number>>;
  onCut: (cut: JournalCut) => void;
}

/**
 * Reads every segment and brings the journal to where it was: a torn tail is cut, everything else that is
 * not as written stops the start. Undefined when there is no journal yet.
 */
export async function recover(options: RecoveryOptions): Promise<Recovered | undefined> {
  const { disk, folder } = options;
  const firsts: number[] = [];
  for (const name of await disk.list(folder)) {
    const first = segmentFirst(name);
    if (first !== undefined) firsts.push(first);
  }
  firsts.sort((a, b) => a - b);

  let state: JournalState | undefined;
  let cut: JournalCut | undefined;
  let lastRound = SEGMENT_HEAD_BYTES;
  for (const [ordinal, first] of firsts.entries()) {
    const path = segmentPath(folder, first);
    const bytes = await readWhole(disk, path);
    const newest = ordinal === firsts.length - 1;
    const head = decodeSegmentHead(bytes, path);
    if (head === undefined) {
      if (!newest || laterRound(bytes, 0) !== undefined) throw damaged(path, 0, 'its head is not as written');
      cut = { path, at: 0, bytes: bytes.length };
      break;
    }
    if (head.first !== first) throw damaged(path, 28, `it is named ${first} but begins with ${head.first}`);
    state ??= { id: head.id, folder, segments: [], shards: new Map(), next: first };
    if (head.id !== state.id)
      throw new JournalError('failed', `The segment ${path} belongs to journal ${head.id}, not ${state.id}.`);
    if (first !== state.next)
      throw new JournalError(
        'failed',
        `The segment ${path} begins with position ${first}, where ${state.next} follows: one was lost or cut short.`,
      );

    const segment: Segment = { ordinal, first, path, end: SEGMENT_HEAD_BYTES, own: false };
    state.segments.push(segment);
    const scan = scanSegment(bytes, take(state, segment));
    lastRound = scan.lastRound;
    if (scan.whole) continue;
    if (!newest) throw damaged(path, scan.end, 'a record is not as written');
    const later = laterRound(bytes, scan.end);
    if (later !== undefined)
      throw damaged(path, scan.end, `a record is not as written, but a later one stands at byte ${later}`);
    cut = { path, at: scan.end, bytes: bytes.length - scan.end };
  }

  if (cut) {
    if (state) checkReached(state, await options.checkpoints(state.id), cut);
    await carryOut(options, cut);
  }
  return state && { state, file: await makeDurable(disk, state, lastRound) };
}

function take(state: JournalState, segment: Segment): Parameters<typeof scanSegment>[1] {
  return (record, at, end) => {
    const why = admit(state, segment, at, end, record);
    if (why !== undefined) throw damaged(segment.path, at, why);
  };
}

/**
 * What PostgreSQL has must be in the journal too, or the bad tail may be what is left of it. A journal whose records
 * are all whole is not kept from starting: claims find out which shards have lost something.
 */
function checkReached(state: JournalState, checkpoints: ReadonlyMap<number, number>, cut: JournalCut): void {
  for (const [shard, checkpoint] of checkpoints) {
    const newest = newestPosition(state, shard);
    if (newest >= checkpoint) continue;
    throw new JournalError(
      'failed',
      `The journal in ${state.folder} ends at position ${newest} for shard ${shard}, but PostgreSQL holds its records up to ${checkpoint}. The bad tail of ${cut.path} from byte ${cut.at} on was left as it is.`,
    );
  }
}

/** Not synced here: that comes with everything else, before the journal takes a write. */
async function carryOut({ disk, onCut }: RecoveryOptions, cut: JournalCut): Promise<void> {
  if (cut.at === 0) {
    await disk.remove(cut.path);
  } else {
    const file = await disk.open(cut.path, 'update');
    try {
      await file.truncate(cut.at);
    } finally {
      await file.close();
    }
  }
  onCut(cut);
}

/**
 * What was read may never have left the page cache: an ended process did not sync it, or its sync failed
 * and the kernel calls the pages clean since. So the last round is written once more, and synced.
 */
async function makeDurable(disk: JournalDisk, state: JournalState, lastRound: number): Promise<DiskFile> {
  const newest = state.segments.at(-1) as Segment;
  const file = await disk.open(newest.path, 'update');
  try {
    const round = Buffer.alloc(newest.end - lastRound);
    await file.read(round, lastRound);
    await file.write(round, lastRound);
    await file.sync();
    await disk.syncFolder(state.folder);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

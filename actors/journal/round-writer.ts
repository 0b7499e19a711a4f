import type { Clock } from '../../ops/process/clock.ts';
import { type Append, JournalError } from './journal.ts';
import { isNoSpace } from './journal-disk.ts';
import { admit, type JournalState, journalBytes, newestPosition } from './journal-state.ts';
import { checkRecord, encodeRecord, recordBytes, type StoredRecord } from './record-codec.ts';
import type { SegmentTail } from './segment-tail.ts';

/** Records of one round, about: what waits beyond it is the next round. */
const ROUND_BYTES = 4 * 1024 * 1024;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** One write and one sync, for all that waited. */
export interface JournalRound {
  records: number;
  bytes: number;
  /** From the arrival of the append that waited longest to the end of the sync. */
  appendSeconds: number;
  syncSeconds: number;
}

export interface RoundWriterParts {
  state: JournalState;
  tail: SegmentTail;
  clock: Clock;
  segmentBytes: number;
  maxBytes: number;
  onRound: (round: JournalRound) => void;
  onFailure: (failure: JournalError) => void;
}

export interface RoundWriter {
  append(append: Append): Promise<number>;
  /** Writes copies of records, where they are still their shard's newest, into the newest segment. */
  carry(records: CarriedRecord[]): Promise<void>;
  /** Takes no more writes from now on; what waits is told so. Gives the failure, the first one if several. */
  stop(cause: unknown, doing: string): JournalError;
  readonly failure: JournalError | undefined;
  /** Appends that wait for a round. */
  readonly waiting: number;
  /** Finishes what waits, then takes nothing more. */
  close(): Promise<void>;
}

export type CarriedRecord = Pick<StoredRecord, 'shard' | 'position' | 'messageId' | 'payload'>;

interface Waiting {
  /** Undefined for copies. */
  append: Append | undefined;
  records: CarriedRecord[];
  bytes: number;
  since: number;
  resolve(position: number): void;
  reject(error: JournalError): void;
}

/**
 * The one writer of a journal's folder. A loop takes all that waits, of all shards, decides each by its
 * shard's newest record, writes the accepted with one write and one fdatasync, and answers them all. What
 * arrives meanwhile is the next round: group commit without a timer.
 */
export function createRoundWriter(parts: RoundWriterParts): RoundWriter {
  const { state, tail, clock, segmentBytes, maxBytes, onRound, onFailure } = parts;
  let buffer = Buffer.allocUnsafeSlow(64 * 1024);
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let running: Promise<void> | undefined;
  let failure: JournalError | undefined;
  let closing: Promise<void> | undefined;

  async function enqueue(append: Append | undefined, records: CarriedRecord[]): Promise<number> {
    if (failure) throw failure;
    if (closing) throw new JournalError('failed', 'The journal is closed.');
    let bytes = 0;
    for (const { messageId, payload } of records) bytes += recordBytes(messageId, payload);
    if (waitingBytes > 0 && waitingBytes + bytes > MAX_WAITING_BYTES)
      throw new JournalError('full', 'Too many bytes wait for the journal.');
    return new Promise((resolve, reject) => {
      waiting.push({ append, records, bytes, since: clock.monotonic(), resolve, reject });
      waitingBytes += bytes;
      running ??= run();
    });
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      // Those who were just answered, and this turn's other arrivals, join the round.
      await new Promise<void>((resolve) => void setImmediate(resolve));
      if (tail.segment.end >= segmentBytes && tail.segment.own) await roll();
      await writeRound(take());
    }
    running = undefined;
  }

  async function roll(): Promise<void> {
    try {
      await tail.roll();
    } catch (error) {
      if (!isNoSpace(error)) stop(error, 'beginning a segment');
      else giveUp(drain(), new JournalError('full', 'There is no room for a new segment.', error));
    }
  }

  /** Answers what needs no write, and takes the round out of what waits: at most one append per shard. */
  function take(): Waiting[] {
    const taken: Waiting[] = [];
    const shards = new Set<number>();
    const used = journalBytes(state);
    let bytes = 0;
    for (const one of drain()) {
      const { append } = one;
      const tooMuch = bytes > 0 && bytes + one.bytes > ROUND_BYTES;
      // A second append of a shard is decided when the outcome of the first is known.
      if (tooMuch || (append && shards.has(append.shard))) {
        waiting.push(one);
        waitingBytes += one.bytes;
        continue;
      }
      if (append && answer(one, append, used + bytes)) continue;
      if (append) shards.add(append.shard);
      taken.push(one);
      bytes += one.bytes;
    }
    // Copies go first: an append may be a newer record of the same shard.
    return taken.sort((a, b) => Number(b.append === undefined) - Number(a.append === undefined));
  }

  /** True when the append is answered without a write. */
  function answer(one: Waiting, append: Append, used: number): boolean {
    const { shard, expected } = append;
    const known = state.shards.get(shard)?.window.position(append.messageId);
    const newest = newestPosition(state, shard);
    if (known !== undefined) one.resolve(known);
    else if (expected !== newest)
      one.reject(
        new JournalError(
          'refused',
          `The newest record of shard ${shard} is at ${newest}, not at ${expected}.`,
        ),
      );
    else if (used + one.bytes > (append.reserved ? maxBytes : maxBytes * 0.9))
      one.reject(new JournalError('full', `The journal holds ${used} of ${maxBytes} bytes.`));
    else return false;
    return true;
  }

  async function writeRound(taken: Waiting[]): Promise<void> {
    if (taken.length === 0) return;
    try {
      const round = encode(taken);
      if (round.end > 0) await tail.write(buffer.subarray(0, round.end));
      const written = clock.monotonic();
      if (round.end > 0) await sync();
      commit(taken, round, written);
    } catch (error) {
      giveUp(taken, isNoSpace(error) ? await takeBack(error) : stop(error, 'writing'));
    }
  }

  async function sync(): Promise<void> {
    try {
      await tail.sync();
    } catch (error) {
      // Whatever its code: the kernel may have dropped the pages, so nobody knows what is on the disk.
      throw stop(error, 'syncing');
    }
  }

  /** Nothing of the round may come back after a crash: its bytes go before anybody is told `full`. */
  async function takeBack(cause: unknown): Promise<JournalError> {
    try {
      await tail.takeBack();
      return new JournalError('full', 'There is no room left on the disk of the journal.', cause);
    } catch (error) {
      return stop(error, 'taking back an unfinished round');
    }
  }

  function encode(taken: Waiting[]) {
    const size = taken.reduce((sum, one) => sum + one.bytes, 0);
    if (size > buffer.length) buffer = Buffer.allocUnsafeSlow(size * 2);
    const records: { at: number; end: number; record: StoredRecord }[] = [];
    const round = tail.segment.end;
    let next = state.next;
    let end = 0;
    for (const { append, records: wanted } of taken) {
      for (const one of wanted) {
        if (!append && newestPosition(state, one.shard) !== one.position) continue;
        const record = { ...one, carried: !append, round, position: append ? next++ : one.position };
        const at = end;
        end = encodeRecord(buffer, at, record);
        records.push({ at, end, record });
      }
    }
    return { records, end };
  }

  function commit(taken: Waiting[], round: ReturnType<typeof encode>, written: number): void {
    const { segment } = tail;
    const began = segment.end;
    for (const { at, end, record } of round.records) {
      const why = admit(state, segment, began + at, began + end, record);
      if (why !== undefined) throw new Error(why);
    }
    const now = clock.monotonic();
    let since = now;
    for (const one of taken) {
      since = Math.min(since, one.since);
      one.resolve(one.append ? newestPosition(state, one.append.shard) : 0);
    }
    onRound({
      records: round.records.length,
      bytes: round.end,
      appendSeconds: (now - since) / 1000,
      syncSeconds: (now - written) / 1000,
    });
  }

  function drain(): Waiting[] {
    const drained = waiting;
    waiting = [];
    waitingBytes = 0;
    return drained;
  }

  function giveUp(given: Waiting[], error: JournalError): void {
    for (const one of given) one.reject(error);
  }

  function stop(cause: unknown, doing: string): JournalError {
    if (failure) return failure;
    const why = cause instanceof Error ? cause.message : String(cause);
    failure = new JournalError('failed', `The journal takes no more writes; ${doing} failed: ${why}`, cause);
    giveUp(drain(), failure);
    onFailure(failure);
    return failure;
  }

  async function end(): Promise<void> {
    await running;
    await tail.close();
  }

  return {
    async append(append) {
      const { shard, messageId, payload } = append;
      checkRecord(shard, messageId, payload);
      return enqueue(append, [{ shard, messageId, payload, position: 0 }]);
    },
    async carry(records) {
      await enqueue(undefined, records);
    },
    stop,
    get failure() {
      return failure;
    },
    get waiting() {
      return waiting.length;
    },
    close: () => (closing ??= end()),
  };
}

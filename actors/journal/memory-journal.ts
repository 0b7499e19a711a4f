import { createDuplicateWindow, type DuplicateWindow } from './duplicate-window.ts';
import { type Append, type Journal, JournalError, type JournalRecord } from './journal.ts';

export interface MemoryJournalOptions {
  /** Default `memory`. */
  id?: string;
  /** Default true. False when several handles stand for several nodes. */
  exclusive?: boolean;
  /** Payload bytes of all kept records; the last tenth is for reserved appends. Default: no bound. */
  maxBytes?: number;
}

export interface MemoryJournal extends Journal {
  /**
   * Another handle to the same records: what a restarted process, or another node, opens. Handles are
   * closed one by one.
   */
  attach(): MemoryJournal;
  /** Every record of a shard that is still kept, oldest first. */
  records(shard: number): readonly JournalRecord[];
}

interface Shard {
  records: JournalRecord[];
  trimmed: number;
  window: DuplicateWindow;
}

/**
 * A journal for tests and the simulation: no timer, no random, every answer within microtasks, and the
 * same calls in the same order give the same positions. Its records live as long as any handle.
 */
export function createMemoryJournal(options: MemoryJournalOptions = {}): MemoryJournal {
  const { id = 'memory', exclusive = true, maxBytes = Number.POSITIVE_INFINITY } = options;
  const shards = new Map<number, Shard>();
  let newestPosition = 0;
  let bytes = 0;

  function shardOf(number: number): Shard {
    let shard = shards.get(number);
    if (shard === undefined) {
      shard = { records: [], trimmed: 0, window: createDuplicateWindow() };
      shards.set(number, shard);
    }
    return shard;
  }

  function forget(shard: Shard): void {
    while (shard.records.length > 1 && (shard.records[0]?.position ?? 0) <= shard.trimmed)
      bytes -= shard.records.shift()?.payload.length ?? 0;
  }

  function keep(append: Append): number {
    const shard = shardOf(append.shard);
    const known = shard.window.position(append.messageId);
    if (known !== undefined) return known;
    const newest = shard.records.at(-1)?.position ?? 0;
    if (append.expected !== newest)
      throw new JournalError(
        'refused',
        `The newest record of shard ${append.shard} is at ${newest}, not at ${append.expected}.`,
      );
    const bound = append.reserved ? maxBytes : maxBytes * 0.9;
    if (bytes + append.payload.length > bound) throw new JournalError('full', 'The journal is full.');
    const position = ++newestPosition;
    shard.records.push({ position, payload: Buffer.from(append.payload) });
    shard.window.remember(append.messageId, position);
    bytes += append.payload.length;
    forget(shard);
    return position;
  }

  function attach(): MemoryJournal {
    let closed = false;
    function check(): void {
      if (closed) throw new JournalError('failed', 'The journal is closed.');
    }
    return {
      id,
      exclusive,
      attach,
      records: (shard) => shards.get(shard)?.records ?? [],
      async newest(shard) {
        check();
        return shards.get(shard)?.records.at(-1);
      },
      async append(append) {
        check();
        return keep(append);
      },
      async read(shard, after, limit) {
        check();
        const records = shards.get(shard)?.records ?? [];
        return records.filter((record) => record.position > after).slice(0, limit);
      },
      async trim(number, position) {
        check();
        const shard = shardOf(number);
        shard.trimmed = Math.max(shard.trimmed, Math.min(position, shard.records.at(-1)?.position ?? 0));
        forget(shard);
      },
      async close() {
        closed = true;
      },
    };
  }

  return attach();
}

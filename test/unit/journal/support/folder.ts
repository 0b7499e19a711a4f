import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type FileJournal,
  type FileJournalOptions,
  openFileJournal,
} from '../../../../actors/journal/file-journal.ts';
import type { Journal } from '../../../../actors/journal/journal.ts';
import { systemClock } from '../../../../ops/process/clock.ts';

/** A journal's folder of one test, and the journals that were opened in it. */
export interface JournalFolder {
  dir: string;
  open(options?: Partial<FileJournalOptions>): Promise<FileJournal>;
  /** Paths of the segments, oldest first. */
  segments(): Promise<string[]>;
  dispose(): Promise<void>;
}

export async function journalFolder(): Promise<JournalFolder> {
  const dir = await mkdtemp(join(tmpdir(), 'suhbat-journal-'));
  const opened: FileJournal[] = [];
  return {
    dir,
    async open(options = {}) {
      const journal = await openFileJournal({ dir, clock: systemClock, ...options });
      opened.push(journal);
      return journal;
    },
    async segments() {
      const names = (await readdir(dir)).filter((name) => name.endsWith('.journal'));
      return names.sort().map((name) => join(dir, name));
    },
    async dispose() {
      for (const journal of opened) await journal.close().catch(() => {});
      await rm(dir, { recursive: true });
    },
  };
}

/** Appends to one shard, one after the other; gives the positions. */
export async function fill(journal: Journal, shard: number, texts: readonly string[]): Promise<number[]> {
  const positions: number[] = [];
  let expected = (await journal.newest(shard))?.position ?? 0;
  for (const text of texts) {
    expected = await journal.append({
      shard,
      expected,
      messageId: `${shard}/1/node/${text}`,
      payload: Buffer.from(text),
    });
    positions.push(expected);
  }
  return positions;
}

export async function texts(journal: Journal, shard: number): Promise<string[]> {
  return (await journal.read(shard, 0, 100_000)).map(({ payload }) => payload.toString());
}

/** What an attempt was refused with; undefined if it was not. */
export async function errorOf(attempt: Promise<unknown>): Promise<Error | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

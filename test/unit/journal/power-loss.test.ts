import { expect } from 'chai';
import { type FileJournal, openFileJournal } from '../../../actors/journal/file-journal.ts';
import { JournalError } from '../../../actors/journal/journal.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { createVolatileDisk, type VolatileDisk } from './support/volatile-disk.ts';

const SEEDS = 200;
const LIVES = 6;
const SHARDS = [0, 1, 2, 3, 4];

/** What one shard's writer knows. */
interface Known {
  acked: { position: number; text: string }[];
  /** The append of unknown outcome. */
  doubted: string | undefined;
  trimmed: number;
}

/** Mulberry32: small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

describe('a power cut, or the end of the process, under the file journal', () => {
  it(`loses no acked record and invents none (${SEEDS} seeds of ${LIVES} lives)`, async function () {
    this.timeout(60_000);
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        await lives(seed);
      } catch (error) {
        throw new Error(`seed ${seed} of power-loss.test.ts`, { cause: error });
      }
    }
  });
});

async function lives(seed: number): Promise<void> {
  const random = seeded(seed);
  const disk = createVolatileDisk(random);
  const shards = SHARDS.map((): Known => ({ acked: [], doubted: undefined, trimmed: 0 }));
  for (let life = 0; life < LIVES; life++) {
    if (random() < 0.4) await dieAtStart(disk, random);
    const journal = await open(disk);
    for (const [shard, known] of shards.entries()) await compare(journal, shard, known);
    disk.dieAfter(Math.floor(random() * 120));
    await Promise.all(shards.map((known, shard) => live(journal, shard, known, `${life}`, random)));
    begin(disk, random);
  }
}

function open(disk: VolatileDisk): Promise<FileJournal> {
  return openFileJournal({ dir: '/journal', disk, clock: systemClock, segmentBytes: 4000 });
}

async function dieAtStart(disk: VolatileDisk, random: () => number): Promise<void> {
  disk.dieAfter(Math.floor(random() * 15));
  const journal = await open(disk).catch(() => undefined);
  await journal?.close().catch(() => {});
  begin(disk, random);
}

/** After a power cut, or only after the end of a process. */
function begin(disk: VolatileDisk, random: () => number): void {
  if (random() < 0.6) disk.powerUp();
  else disk.restart();
}

/** Appends, and now and then trims, until the process ends. */
async function live(journal: FileJournal, shard: number, known: Known, life: string, random: () => number) {
  for (let n = 0; ; n++) {
    const expected = known.acked.at(-1)?.position ?? 0;
    const text = `${life}/${n} `.padEnd(Math.floor(random() * 1200), '.');
    known.doubted = text;
    try {
      const messageId = `${shard}/${life}/${n}`;
      const position = await journal.append({ shard, expected, messageId, payload: Buffer.from(text) });
      known.acked.push({ position, text });
      known.doubted = undefined;
      // Shard 0 writes little and trims all, so that its newest record is carried forward.
      if (shard > 0 && random() < 0.8) continue;
      known.trimmed = shard === 0 ? position : Math.max(known.trimmed, Math.floor(random() * position));
      await journal.trim(shard, known.trimmed);
      if (shard === 0 && n === 1) return;
    } catch (error) {
      if (error instanceof JournalError && error.fault !== 'failed') throw error;
      return;
    }
  }
}

/** Everything acked and not trimmed is there, in order; besides it only what was in doubt. */
async function compare(journal: FileJournal, shard: number, known: Known): Promise<void> {
  const records = (await journal.read(shard, 0, 10_000)).map(({ position, payload }) => ({
    position,
    text: payload.toString(),
  }));
  const newest = records.at(-1);
  if (newest && newest.text === known.doubted && newest.position > (known.acked.at(-1)?.position ?? 0))
    known.acked.push(newest);
  known.doubted = undefined;
  expect(newest).to.deep.equal(known.acked.at(-1));
  expect(records).to.deep.equal(known.acked.slice(known.acked.length - records.length));
  const needed = known.acked.filter(({ position }) => position > known.trimmed);
  expect(records.length).to.be.at.least(needed.length);
}

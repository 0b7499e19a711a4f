/** A process that appends without pause, and says each ack on standard output: `shard position text`. */
import { writeSync } from 'node:fs';
import { openFileJournal } from '../../../../actors/journal/file-journal.ts';
import { systemClock } from '../../../../ops/process/clock.ts';

const dir = process.argv[2] ?? '';
const journal = await openFileJournal({ dir, clock: systemClock, segmentBytes: 100_000 });

async function appendForever(shard: number): Promise<void> {
  let expected = (await journal.newest(shard))?.position ?? 0;
  for (let n = 0; ; n++) {
    const text = `${process.pid}-${n}-${'x'.repeat((n * 37) % 2000)}`;
    const messageId = `${shard}/${process.pid}/${n}`;
    expected = await journal.append({ shard, expected, messageId, payload: Buffer.from(text) });
    writeSync(1, `${shard} ${expected} ${text}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, (_, shard) => appendForever(shard)));

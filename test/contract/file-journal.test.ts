import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FileJournal, openFileJournal } from '../../actors/journal/file-journal.ts';
import { systemClock } from '../../ops/process/clock.ts';
import { journalContract } from './journal.contract.ts';

for (const segmentBytes of [undefined, 300]) {
  const name = segmentBytes === undefined ? 'file' : `file, a new segment every ${segmentBytes} bytes`;
  journalContract(name, async (maxBytes) => {
    const dir = await mkdtemp(join(tmpdir(), 'suhbat-journal-'));
    const opened: FileJournal[] = [];
    return {
      async open() {
        const journal = await openFileJournal({
          dir,
          clock: systemClock,
          ...(maxBytes !== undefined && { maxBytes }),
          ...(segmentBytes !== undefined && { segmentBytes }),
        });
        opened.push(journal);
        return journal;
      },
      async dispose() {
        for (const journal of opened) await journal.close();
        await rm(dir, { recursive: true });
      },
    };
  });
}

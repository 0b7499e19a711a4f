import { createMemoryJournal } from '../../actors/journal/memory-journal.ts';
import { journalContract } from './journal.contract.ts';

journalContract('memory', async (maxBytes) => {
  const kept = createMemoryJournal(maxBytes === undefined ? {} : { maxBytes });
  return { open: async () => kept.attach(), dispose: async () => {} };
});

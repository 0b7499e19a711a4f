import { type JetstreamJournal, openJetstreamJournal } from '../../actors/journal/jetstream-journal.ts';
import { connectNats } from '../../ops/connections/nats.ts';
import { systemClock } from '../../ops/process/clock.ts';
import { startNats, type TestServer } from '../support/servers.ts';
import { journalContract } from './journal.contract.ts';

let server: TestServer;
let streams = 0;

before(async () => {
  server = await startNats();
});
after(() => server.stop());

// The server sets aside what a stream may hold.
journalContract('JetStream', async (maxBytes = 16 * 1024 * 1024) => {
  const link = await connectNats({ url: server.url, name: 'contract' });
  const stream = `contract-${++streams}`;
  const opened: JetstreamJournal[] = [];
  return {
    async open() {
      const journal = await openJetstreamJournal({ link, stream, clock: systemClock, maxBytes });
      opened.push(journal);
      return journal;
    },
    async dispose() {
      for (const journal of opened) await journal.close();
      await link.close();
    },
  };
});

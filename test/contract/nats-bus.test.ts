import { createNatsBus } from '../../ops/bus/nats-bus.ts';
import { connectNats } from '../../ops/connections/nats.ts';
import { systemClock } from '../../ops/process/clock.ts';
import { startNats, type TestServer } from '../support/servers.ts';
import { busContract } from './bus.contract.ts';

describe('with a nats-server', () => {
  let server: TestServer;

  before(async () => {
    server = await startNats();
  });
  after(() => server.stop());

  busContract('NATS', async () => {
    const links = await Promise.all(['here', 'there'].map((name) => connectNats({ url: server.url, name })));
    const [here, there] = links.map((link) => createNatsBus({ link, clock: systemClock, settleMs: 15_000 }));
    return {
      here: here as NonNullable<typeof here>,
      there: there as NonNullable<typeof there>,
      async dispose() {
        await Promise.all([here?.close(), there?.close()]);
        await Promise.all(links.map((link) => link.close()));
      },
    };
  });
});

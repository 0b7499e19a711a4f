import { setTimeout as pause } from 'node:timers/promises';
import { connectRedis, type RedisLink } from '../../ops/connections/redis.ts';
import { createRedisStore } from '../../ops/ephemeral/redis-store.ts';
import { startRedis, type TestServer } from '../support/servers.ts';
import { ephemeralStoreContract } from './ephemeral-store.contract.ts';

describe('with a real Redis', () => {
  let server: TestServer;
  let link: RedisLink;
  let stores = 0;

  before(async () => {
    server = await startRedis();
    link = await connectRedis({ url: server.url, name: 'contract', commandMs: 5000 });
  });
  after(async () => {
    await link.close();
    await server.stop();
  });

  ephemeralStoreContract('redis', async () => {
    const store = createRedisStore(link, `${++stores}:`);
    // Redis has a clock of its own.
    return { store, pass: (ms) => pause(ms + 20), dispose: () => store.close() };
  });
});

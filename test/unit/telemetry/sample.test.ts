import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { chatRoutes } from '../../../gateway/http/routes/chats.ts';
import { sampleOf } from '../../../ops/cluster/sample.ts';
import { createMetrics } from '../../../ops/telemetry/metrics.ts';

describe('the sample of a process', () => {
  it('counts messages sent over sockets and over REST, and nothing else', async () => {
    const metrics = createMetrics();
    metrics.framesIn.labels('message.send').inc(2);
    metrics.framesIn.labels('message.edit').inc(10);
    const sends = chatRoutes.filter(({ path }) => path === '/api/v1/chats/{id}/messages');
    expect(sends.map(({ method }) => method)).to.have.members(['GET', 'POST']);
    for (const { method, path } of sends)
      metrics.requests.labels(method, path, '200', 'ok').inc(method === 'POST' ? 3 : 20);
    metrics.requests.labels('POST', '/api/v1/chats', '201', 'ok').inc(40);

    const server = createServer(async (_, answer) => answer.end(await metrics.registry.metrics()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      expect((await sampleOf({ opsUrl: `http://127.0.0.1:${port}` }))?.messages).to.equal(5);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

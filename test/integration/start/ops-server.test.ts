import { request } from 'node:http';
import { expect } from 'chai';
import { systemClock } from '../../../ops/process/clock.ts';
import { createHealth } from '../../../ops/process/health.ts';
import { type OpsServer, startOpsServer } from '../../../ops/process/ops-server.ts';
import { createMetrics } from '../../../ops/telemetry/metrics.ts';

describe('the port for operators', () => {
  const health = createHealth(systemClock, { version: '1', commit: 'abc' });
  const metrics = createMetrics();
  let server: OpsServer;
  let broken = false;

  before(async () => {
    health.add('journal', () => ({ status: broken ? 'down' : 'ok' }));
    server = await startOpsServer({ host: '127.0.0.1', port: 0, health, metrics });
  });

  after(() => server.close());

  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method });

  it('tells whether the process is ready, and what works', async () => {
    expect((await get('/ready')).status).to.equal(503);
    health.phase('ready');
    expect((await get('/ready')).status).to.equal(200);
    expect((await get('/live')).status).to.equal(200);
    expect(await (await get('/health')).json()).to.include({ status: 'ok', version: '1', commit: 'abc' });
    broken = true;
    expect((await get('/health')).status).to.equal(503);
    expect((await get('/ready?full=1')).status).to.equal(503);
    broken = false;
  });

  it('gives the metrics as Prometheus reads them', async () => {
    metrics.build.set({ version: '1', commit: 'abc' }, 1);
    const answer = await get('/metrics');
    expect(answer.headers.get('content-type')).to.include('text/plain');
    expect(await answer.text()).to.include('suhbat_build_info{version="1",commit="abc"} 1');
  });

  it('refuses other methods and other paths', async () => {
    expect((await get('/metrics', 'POST')).status).to.equal(405);
    for (const path of ['/', '/me', '/__proto__', '/constructor'])
      expect((await get(path)).status).to.equal(404);
  });

  it('names the setting where its port is taken', async () => {
    const { port } = server;
    const second = startOpsServer({ host: '127.0.0.1', port, health, metrics }).then(
      () => 'started',
      (error: Error) => error.message,
    );
    expect(await second).to.include('SUHBAT_OPS_PORT');
  });

  it('closes although a client keeps its connection', async () => {
    const own = await startOpsServer({ host: '127.0.0.1', port: 0, health, metrics });
    await new Promise((resolve) => {
      const asked = request(
        { port: own.port, path: '/live', headers: { Connection: 'keep-alive' } },
        (answer) => answer.resume().on('end', resolve),
      );
      asked.on('error', () => undefined).end();
    });
    await own.close();
  });
});

import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sampleOf } from '../../../ops/cluster/sample.ts';
import { eventually } from '../../support/eventually.ts';
import { rest } from '../product/support/rest.ts';
import { startTwoGateways, type TwoGateways } from './support.ts';

describe('a journal that was put back to an earlier state while its server was down', function () {
  this.timeout(120_000);
  let gateways: TwoGateways;

  before(async () => {
    gateways = await startTwoGateways({ counts: { actors: 1, services: 1 }, env: {} });
  });
  after(() => gateways?.stop());

  const ask = async <T>(path: string, body: object, token?: string): Promise<T> => {
    const answer = await rest<T>('POST', path, { url: gateways.here, body, ...(token && { token }) });
    expect(answer.status, JSON.stringify(answer.body)).to.be.within(200, 201);
    return answer.body;
  };

  const actors = async () => {
    const node = gateways.cluster.nodes.find(({ role }) => role === 'actors');
    return node && (await sampleOf(node));
  };

  const flushed = () =>
    eventually(async () => (await actors())?.flushLag === 0 || 'PostgreSQL has not everything', 20_000);

  it('is noticed when the link is back, though nobody asks for what was lost', async () => {
    const { nats } = gateways.cluster;
    const [folder, earlier] = [join(gateways.dir, 'nats'), join(gateways.dir, 'nats-earlier')];
    const { access_token: token } = await ask<{ access_token: string }>('/api/v1/auth/register', {
      username: 'keeper',
      email: 'keeper@example.com',
      password: 'a long password',
    });
    const chat = await ask<{ id: string }>('/api/v1/chats', { type: 'group', title: 'Group' }, token);
    await flushed();
    await nats.end();
    await cp(folder, earlier, { recursive: true });
    await nats.start();
    await eventually(() =>
      ask(`/api/v1/chats/${chat.id}/messages`, { client_id: crypto.randomUUID(), text: 'lost' }, token).then(
        () => true,
        (error: Error) => error.message,
      ),
    );
    await flushed();
    expect((await actors())?.quarantined).to.equal(0);

    await nats.end();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    await cp(earlier, folder, { recursive: true });
    await nats.start();

    await eventually(async () => {
      const sample = await actors();
      return sample?.quarantined === 1 || `${sample?.quarantined} shards are in quarantine`;
    }, 30_000);
  });
});

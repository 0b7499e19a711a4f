import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import { until } from '../../support/until.ts';
import { connectReady } from './clients.ts';
import { raw } from './raw.ts';
import { type GatewayTest, startGateway } from './support.ts';

describe('gateway: draining', () => {
  let test: GatewayTest;
  beforeEach(async () => {
    test = await startGateway();
  });
  afterEach(() => test.stop());

  const message = { type: 'message.send', chat_id: newId(), client_id: newId(), kind: 'text', text: 'x' };

  it('says bye, answers what is in flight, then closes with 1001', async () => {
    let letGo = () => {};
    test.actors.answer = (kind) =>
      kind === 'chat'
        ? new Promise((resolve) => (letGo = () => resolve([{ reply: { seq: 1 } }])))
        : undefined;
    const [busy, idle] = [await connectReady(test, newId()), await connectReady(test, newId())];
    busy.send({ ...message, id: '1' });
    await until('the ask', () => test.asked.some(({ kind }) => kind === 'chat'));
    const drained = test.gateway.drain(10_000);
    for (const client of [busy, idle]) {
      const { reason, reconnect_after_ms } = await client.event('bye');
      expect(reason).to.equal('draining');
      expect(reconnect_after_ms).to.be.within(0, 5000);
    }
    expect(await busy.request({ ...message, id: '2' })).to.include({ code: 'unavailable', retryable: true });
    expect(busy.closed).to.equal(undefined);
    letGo();
    expect(await busy.reply('1')).to.include({ type: 'ok', seq: 1 });
    expect((await busy.end()).code).to.equal(1001);
    expect((await idle.end()).code).to.equal(1001);
    await drained;
  });

  it('tells each when to come back by itself, so that they do not come all at once', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => connectReady(test, newId())));
    const drained = test.gateway.drain(10_000);
    const waits = await Promise.all(
      clients.map(async (client) => (await client.event('bye')).reconnect_after_ms),
    );
    expect(new Set(waits).size).to.be.at.least(3);
    await drained;
  });

  it('answers what was on its way when a client heard of it', async () => {
    const client = await connectReady(test, newId());
    const drained = test.gateway.drain(10_000);
    await client.event('bye');
    expect(await client.request({ ...message, id: '1' })).to.include({
      code: 'unavailable',
      reason: 'draining',
    });
    expect((await client.end()).code).to.equal(1001);
    await drained;
  });

  it('is not ready, and takes no new connections', async () => {
    const agent = raw(test, 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await agent.has('200 OK');
    await test.gateway.drain(1000);
    agent.socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await agent.has('503')).to.include('Connection: close');
    const late = raw(test, 'GET /live HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await late.gone()).to.equal('');
  });

  it('ends at its deadline although something stays unanswered', async () => {
    test.actors.answer = (kind) => (kind === 'chat' ? new Promise(() => {}) : undefined);
    const client = await connectReady(test, newId());
    client.send({ ...message, id: '1' });
    await until('the ask', () => test.asked.some(({ kind }) => kind === 'chat'));
    await test.gateway.drain(200);
    expect((await client.end()).code).to.equal(1001);
  });
});

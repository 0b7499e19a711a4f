import { expect } from 'chai';
import type { Tokens } from 'suhbat/client';
import { until } from '../../support/until.ts';
import { heard, tokensAnswer, useScene } from './scene.ts';

describe('a nudge of the SDK', () => {
  const scene = useScene();

  it('ends the wait for the next try', async () => {
    const { client, peer } = await scene.connected();
    peer.close(1011);
    await until('the wait', () => client.status === 'waiting');
    client.nudge();
    await scene.server.connection(2);
    await client.synced();
  });

  it('during a try that fails is the reason for the next one at once, and for no more', async () => {
    const client = scene.client();
    const downs = heard(client, 'disconnected');
    scene.server.answer('auth', () => undefined);
    for (const n of [1, 2, 3]) {
      const peer = await scene.connection(client, n);
      await until('the question', () => peer.of('auth').length === 1);
      if (n === 2) client.nudge();
      peer.close(1011);
      await until('the end', () => downs.length === n);
    }
    const [first = 0, second, third = 0] = downs.map(({ reconnect_in_ms }) => reconnect_in_ms);
    expect(second).to.equal(0);
    expect(Math.min(first, third)).to.be.above(0);
  });

  it('during a try that succeeds is forgotten: the end of that connection is waited out as ever', async () => {
    const client = scene.client();
    const downs = heard(client, 'disconnected');
    client.nudge();
    const peer = await scene.connection(client, 1);
    await client.synced();
    peer.close(1011);
    await until('the end', () => downs.length === 1);
    expect(downs[0]?.reconnect_in_ms).to.be.above(0);
  });

  it('asks a connection that seems well, once, and leaves it when nothing comes', async () => {
    const { client, peer } = await scene.connected();
    const downs = heard(client, 'disconnected');
    scene.server.answer('ping', () => undefined);
    await scene.platform.clock.advance(1);
    client.nudge();
    client.nudge();
    await until('the question', () => peer.of('ping').length === 1);
    await scene.platform.clock.advance(3_000);
    expect(peer.of('ping')).to.have.length(1);
    expect(downs[0]).to.include({ code: 1006, reason: 'silent' });
  });

  it('does no harm to a connection that answers', async () => {
    const { client, peer } = await scene.connected();
    const downs = heard(client, 'disconnected');
    scene.server.answer('ping', () => ({}));
    client.nudge();
    await until('the question', () => peer.of('ping').length === 1);
    await client.request('ping', {});
    await scene.platform.clock.advance(3_000);
    expect(downs).to.deep.equal([]);
    expect(client.status).to.equal('ready');
  });
});

describe('programs that share a login', () => {
  const scene = useScene();

  it('renew it in their own way, with the spent tokens and the SDK’s refresh at hand', async () => {
    const spent: Tokens[] = [];
    const shared = { ...tokensAnswer(), access_token: 'access of another tab' };
    const { client, peer } = await scene.connected({
      renew: async (tokens) => {
        spent.push(tokens);
        return shared;
      },
    });
    peer.close(4001);
    const second = await scene.reconnected(client, 2);
    expect(spent).to.deep.equal([{ access_token: 'access 0', refresh_token: 'refresh 0' }]);
    expect(second.of('auth')[0]?.token).to.equal('access of another tab');
    expect(scene.server.calls.filter(({ path }) => path.endsWith('/refresh'))).to.deep.equal([]);
  });

  it('may refresh as the SDK does', async () => {
    const { client, peer } = await scene.connected({
      renew: (tokens, refresh) => refresh(tokens.refresh_token),
    });
    peer.close(4001);
    const second = await scene.reconnected(client, 2);
    expect(second.of('auth')[0]?.token).to.match(/^access [1-9]/);
    expect(scene.server.calls.map(({ body }) => body.refresh_token)).to.deep.equal(['refresh 0']);
  });
});

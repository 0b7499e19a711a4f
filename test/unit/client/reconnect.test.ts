import { expect } from 'chai';
import { fail } from '../../../schemas/errors.ts';
import { until } from '../../support/until.ts';
import { heard, rejection, useScene } from './scene.ts';

describe('the SDK stays connected', () => {
  const scene = useScene();

  it('authenticates with the first frame, and never with the URL', async () => {
    const { client, peer } = await scene.connected();
    expect(peer.frames[0]).to.include({ type: 'auth', token: 'access 0' });
    expect(client.userId).to.equal(scene.server.userId);
    expect(client.status).to.equal('ready');
  });

  it('comes back with backoff after a lost link, each failure doubling the most it waits', async () => {
    const { client, peer } = await scene.connected();
    const downs = heard(client, 'disconnected');
    peer.cut();
    await until('the loss', () => downs.length === 1);
    expect(downs[0]).to.include({ code: 1006, reconnect_in_ms: 250 });
    scene.server.answer('auth', (_, late) => void late.cut());
    for (const [n, ms] of [250, 500, 1000].entries()) {
      await scene.platform.clock.advance(ms);
      await until(`failure ${n + 1}`, () => downs.length === n + 2);
    }
    expect(downs.map((down) => down.reconnect_in_ms)).to.deep.equal([250, 500, 1000, 2000]);
  });

  it('notices at once that nobody listens, or that it is no socket', async () => {
    for (const url of ['http://127.0.0.1:1', `${scene.server.url}/elsewhere`]) {
      const client = scene.client({ url });
      const downs = heard(client, 'disconnected');
      await until('the failure', () => downs.length === 1);
      expect(downs[0]).to.include({ code: 1006, reconnect_in_ms: 250 });
      await scene.platform.clock.advance(250);
      await until('the next one', () => downs.length === 2);
    }
  });

  it('starts small again after a connection that lasted', async () => {
    const { client, peer } = await scene.connected();
    const downs = heard(client, 'disconnected');
    peer.cut();
    const second = await scene.reconnected(client, 2);
    await scene.platform.clock.advance(5_000);
    second.cut();
    await until('the second loss', () => downs.length === 2);
    expect(downs[1]?.reconnect_in_ms).to.equal(250);
  });

  it('comes back when the server said in its bye', async () => {
    const { client, peer } = await scene.connected();
    const downs = heard(client, 'disconnected');
    peer.send('bye', { reason: 'draining', reconnect_after_ms: 1234 });
    peer.close(1001);
    await until('the end', () => downs.length === 1);
    expect(downs[0]).to.include({ code: 1001, reconnect_in_ms: 1234 });
    await scene.platform.clock.advance(1233);
    expect(scene.server.peers).to.have.length(1);
    await scene.platform.clock.advance(1);
    await scene.server.connection(2);
  });

  it('stays away for 10 s after 4009', async () => {
    const { client, peer } = await scene.connected();
    const downs = heard(client, 'disconnected');
    peer.close(4009);
    await until('the end', () => downs.length === 1);
    expect(downs[0]?.reconnect_in_ms).to.be.within(10_000, 11_000);
  });

  for (const code of [4002, 4013])
    it(`ends after ${code}`, async () => {
      const { client, peer } = await scene.connected();
      const stops = heard(client, 'stopped');
      peer.close(code, 'why');
      await until('the end', () => stops.length === 1);
      expect(stops[0]).to.deep.equal({ code, reason: 'why' });
      expect(client.status).to.equal('ended');
      expect(scene.platform.waits()).to.deep.equal([]);
      expect(await rejection(client.ready())).to.include({ code: 'unavailable', reason: 'stopped' });
    });

  it('ends signed out after 4003, and everybody who waits is told', async () => {
    const { client, peer } = await scene.connected();
    const signedOut = heard(client, 'signed_out');
    const asked = rejection(client.request('chat.get', { chat_id: scene.server.userId }));
    await until('the request', () => peer.of('chat.get').length === 1);
    peer.close(4003);
    expect(await asked).to.include({ code: 'timeout' });
    expect(signedOut[0]?.error).to.include({ code: 'unauthenticated', reason: 'revoked' });
    expect(scene.server.calls).to.deep.equal([]);
    expect(scene.platform.waits()).to.deep.equal([]);
  });

  it('asks a silent server, and leaves one that does not answer', async () => {
    const { client, peer } = await scene.connected();
    const downs = heard(client, 'disconnected');
    const presences = heard(client, 'presence');
    await scene.platform.clock.advance(37_500);
    await until('the question', () => peer.of('ping').length === 1);
    peer.send('presence', { user_id: scene.server.userId, online: true, last_seen_at: null });
    await until('what came after the answer', () => presences.length === 1);
    await scene.platform.clock.advance(10_000);
    expect(downs).to.deep.equal([]);

    peer.mute();
    await scene.platform.clock.advance(27_500);
    await until('the next question', () => peer.of('ping').length === 2);
    await scene.platform.clock.advance(10_000);
    expect(downs[0]).to.include({ code: 1006, reason: 'silent' });
    await scene.reconnected(client, 2);
  });

  it('gives up a server that never gets ready', async () => {
    scene.server.answer('auth', () => undefined);
    const client = scene.client();
    const downs = heard(client, 'disconnected');
    await scene.server.connection(1);
    await scene.platform.clock.advance(15_000);
    expect(downs[0]).to.include({ code: 1006, reason: 'connect_timeout' });
  });

  it('waits as long as a server that cannot take it yet asks', async () => {
    scene.server.answer('auth', () => {
      throw fail('unavailable', { retry_after_ms: 7000 });
    });
    const downs = heard(scene.client(), 'disconnected');
    await until('the refusal', () => downs.length === 1);
    expect(downs[0]).to.include({ code: 1006, reconnect_in_ms: 7000 });
  });

  it('leaves no timer and no socket after close, in whatever state', async () => {
    const { client, peer } = await scene.connected();
    client.close();
    await until('the end of the socket', () => !peer.open);
    expect(scene.platform.waits()).to.deep.equal([]);
    expect(await rejection(client.request('ping', {}))).to.include({ code: 'unavailable', reason: 'closed' });

    const waiting = await scene.connected();
    waiting.peer.cut();
    await until('the loss', () => waiting.client.status === 'waiting');
    waiting.client.close();
    expect(scene.platform.waits()).to.deep.equal([]);

    scene.client().close();
    expect(scene.platform.waits()).to.deep.equal([]);
  });

  it('refuses a URL that is none', () => {
    expect(() => scene.client({ url: 'ftp://example.org' })).to.throw(TypeError);
  });
});

describe('requests of the SDK', () => {
  const scene = useScene();

  it('wait for a connection, and go out in order', async () => {
    scene.server.answer('chat.leave', () => ({ seq: 7 }));
    const client = scene.client();
    const chatIds = ['a', 'b', 'c'].map((last) => `01900000-0000-7000-8000-00000000000${last}`);
    const asked = chatIds.map((chat_id) => client.request('chat.leave', { chat_id }));
    expect(await Promise.all(asked)).to.deep.equal([{ seq: 7 }, { seq: 7 }, { seq: 7 }]);
    expect(scene.server.peers[0]?.of('chat.leave').map((frame) => frame.chat_id)).to.deep.equal(chatIds);
  });

  it('reject with the refusal, word for word', async () => {
    scene.server.answer('history', () => {
      throw fail('rate_limited', { reason: 'calls', detail: 'Slower', retry_after_ms: 300 });
    });
    const { client } = await scene.connected();
    const error = await rejection(client.history(scene.server.userId));
    expect(error).to.include({
      name: 'ClientError',
      code: 'rate_limited',
      reason: 'calls',
      message: 'Slower',
      retryable: true,
      retry_after_ms: 300,
    });
  });

  it('wait for the next connection from the bye of this one', async () => {
    scene.server.answer('chat.leave', () => ({ seq: 7 }));
    const { client, peer } = await scene.connected();
    const byes = heard(client, 'other');
    peer.send('bye', { reason: 'draining', reconnect_after_ms: 0 });
    await until('the bye', () => byes.length === 1);
    const asked = client.request('chat.leave', { chat_id: scene.server.userId });
    peer.close(1001);
    const next = await scene.reconnected(client, 2);
    expect(await asked).to.deep.equal({ seq: 7 });
    expect(peer.of('chat.leave')).to.deep.equal([]);
    expect(next.of('chat.leave')).to.have.length(1);
  });

  it('are repeated where a server that is about to end refused them', async () => {
    let draining = true;
    scene.server.answer('chat.leave', () => {
      if (draining) throw fail('unavailable', { reason: 'draining' });
      return { seq: 7 };
    });
    const { client, peer } = await scene.connected();
    const asked = client.request('chat.leave', { chat_id: scene.server.userId });
    await until('the refusal', () => peer.of('chat.leave').length === 1);
    peer.send('bye', { reason: 'draining', reconnect_after_ms: 0 });
    peer.close(1001);
    draining = false;
    await scene.reconnected(client, 2);
    expect(await asked).to.deep.equal({ seq: 7 });
  });

  it('are repeated where they are reads that nobody serves, for some seconds, and refused then', async () => {
    const { client, peer } = await scene.connected();
    let away = true;
    scene.server.answer('history', () => {
      if (away) throw fail('unavailable', { reason: 'no_service' });
      return { messages: [], head: 0, has_more: false };
    });
    const never = rejection(client.history(scene.server.userId));
    for (const [n, ms] of [500, 750, 1250, 2250].entries()) {
      await until(`ask ${n}`, () => peer.of('history').length === n + 1);
      await client.request('ping', {});
      await scene.platform.clock.advance(ms - 1);
      expect(peer.of('history')).to.have.length(n + 1);
      await scene.platform.clock.advance(1);
    }
    expect(await never).to.include({ code: 'unavailable', reason: 'no_service' });
    const asked = client.history(scene.server.userId);
    await client.request('ping', {});
    away = false;
    await scene.platform.clock.advance(500);
    expect(await asked).to.include({ head: 0 });
  });

  it('are not repeated where they change something: a later one may stand before them', async () => {
    const { client, peer } = await scene.connected();
    scene.server.answer('chat.leave', () => {
      throw fail('unavailable', { reason: 'no_service' });
    });
    const refused = await rejection(client.request('chat.leave', { chat_id: scene.server.userId }));
    expect(refused).to.include({ code: 'unavailable', reason: 'no_service' });
    expect(peer.of('chat.leave')).to.have.length(1);
  });

  it('are not repeated where anything else is refused', async () => {
    scene.server.answer('history', () => {
      throw fail('unavailable', { reason: 'overloaded', retry_after_ms: 100 });
    });
    const { client, peer } = await scene.connected();
    const refused = await rejection(client.history(scene.server.userId));
    expect(refused).to.include({ code: 'unavailable', reason: 'overloaded' });
    expect(peer.of('history')).to.have.length(1);
  });

  it('have an unknown outcome when the connection ends or no answer comes', async () => {
    const { client, peer } = await scene.connected();
    const slow = rejection(client.edit(scene.server.userId, 1, 'text'));
    await scene.platform.clock.advance(10_000);
    expect(await slow).to.include({ code: 'timeout', reason: 'no_answer' });
    const lost = client.edit(scene.server.userId, 1, 'text');
    peer.cut();
    expect(await rejection(lost)).to.include({ code: 'timeout', reason: 'disconnected' });
    const never = rejection(
      client.request('chat.leave', { chat_id: scene.server.userId }, { timeoutMs: 100 }),
    );
    await scene.platform.clock.advance(100);
    expect(await never).to.include({ code: 'unavailable', reason: 'not_connected' });
  });

  it('are bounded in number and in size', async () => {
    const client = scene.client({ settings: { pendingRequests: 2 } });
    const [first, second, third] = [1, 2, 3].map(() => rejection(client.request('ping', {})));
    expect(await third).to.include({ code: 'unavailable', reason: 'too_many_pending' });
    client.close();
    await Promise.all([first, second]);

    const { client: other, peer } = await scene.connected();
    const long = other.edit(scene.server.userId, 1, 'я'.repeat(40_000));
    expect(await rejection(long)).to.include({ code: 'too_large', reason: 'frame' });
    expect(peer.of('message.edit')).to.deep.equal([]);
  });

  it('survive what is no frame, and frames that nobody waits for', async () => {
    const { client, peer } = await scene.connected();
    const problems = heard(client, 'problem');
    const others = heard(client, 'other');
    for (const text of ['{', '[]', 'null', '{"type":7}', '{"re":"nobody","type":"ok"}']) peer.raw(text);
    peer.raw('{"type":"error","code":"invalid","title":"No id","retryable":false}');
    peer.raw('{"type":"match.found","session_id":"s","chat_id":"c"}');
    await until('the event', () => others.length === 1);
    expect(others[0]).to.include({ type: 'match.found', session_id: 's' });
    expect(problems.map((problem) => problem.code)).to.deep.equal(['invalid']);
    expect(client.status).to.equal('ready');
  });
});

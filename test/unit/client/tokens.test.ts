import { expect } from 'chai';
import { type Client, defaultSettings, login, refresh, register, type TokensAnswer } from 'suhbat/client';
import { createTokens } from '../../../gateway/client/tokens.ts';
import { fail } from '../../../schemas/errors.ts';
import { until } from '../../support/until.ts';
import { heard, rejection, tokensAnswer, useScene } from './scene.ts';

for (const skew of [0, 3_600_000, -3_600_000])
  describe(`tokens of the SDK, the server's clock ${skew / 60_000} min ahead`, () => {
    const scene = useScene({ serverSkewMs: skew });
    const refreshes = () => scene.server.calls.filter(({ path }) => path === '/api/v1/auth/refresh');

    it('are renewed on the open socket before they end, again and again', async () => {
      scene.server.opening.pingMs = 3_600_000;
      const kept: TokensAnswer[] = [];
      const { client, peer } = await scene.connected({ onTokens: (tokens) => kept.push(tokens) });
      const downs = heard(client, 'disconnected');
      for (const n of [1, 2]) {
        const [wait] = scene.platform.waits().filter((ms) => ms > 60_000 && ms < 900_000);
        expect(wait).to.be.within(780_000, 840_000);
        await scene.platform.clock.advance(wait ?? 0);
        await until(`renewal ${n}`, () => peer.of('auth').length === n + 1);
        await until('the next one to be planned', () =>
          scene.platform.waits().some((ms) => ms > 60_000 && ms < 900_000),
        );
      }
      expect(downs).to.deep.equal([]);
      expect(refreshes().map(({ body }) => body.refresh_token)).to.deep.equal([
        'refresh 0',
        kept[0]?.refresh_token,
      ]);
      expect(peer.of('auth').map(({ token }) => token)).to.deep.equal([
        'access 0',
        ...kept.map(({ access_token }) => access_token),
      ]);
    });
  });

describe('tokens of the SDK', () => {
  const scene = useScene();
  const refreshes = () => scene.server.calls.filter(({ path }) => path === '/api/v1/auth/refresh');

  it('are refreshed once when the socket closes with 4001, and the client comes back at once', async () => {
    const { client, peer } = await scene.connected();
    peer.close(4001);
    const second = await scene.reconnected(client, 2);
    expect(refreshes()).to.have.length(1);
    expect(second.of('auth')[0]?.token).to.match(/^access [1-9]/);
  });

  it('are refreshed when the first token is refused, with or without a close', async () => {
    const accept = scene.server.answer;
    let refused = 0;
    accept('auth', ({ token }, peer) => {
      if (token === 'access 0') {
        refused++;
        throw fail('unauthenticated');
      }
      peer.send('ready', {
        user_id: scene.server.userId,
        login_id: scene.server.userId,
        connection_id: scene.server.userId,
        server_time: new Date(scene.platform.now()).toISOString(),
        ping_ms: 25_000,
        token_expires_at: new Date(scene.platform.now() + 900_000).toISOString(),
      });
      return { token_expires_at: new Date(scene.platform.now() + 900_000).toISOString() };
    });
    const client = scene.client();
    await until('the pause of nothing', () => client.status === 'waiting');
    await scene.platform.clock.advance(0);
    await client.ready();
    expect(refused).to.equal(1);
    expect(refreshes()).to.have.length(1);
  });

  it('are not refreshed in a hurry when fresh ones are refused, too', async () => {
    scene.server.answer('auth', (_, peer) => void peer.close(4001));
    const client = scene.client();
    const downs = heard(client, 'disconnected');
    await until('the first refusal', () => downs.length === 1);
    await scene.platform.clock.advance(0);
    await until('the second refusal', () => downs.length === 2);
    expect(downs[0]?.reconnect_in_ms).to.equal(0);
    expect(downs[1]?.reconnect_in_ms).to.equal(250);
  });

  it('that cannot be refreshed end with signed_out', async () => {
    scene.server.post('/api/v1/auth/refresh', () => {
      throw fail('unauthenticated', { reason: 'refresh_reused' });
    });
    const { client, peer } = await scene.connected();
    const signedOut = heard(client, 'signed_out');
    peer.close(4001);
    await until('the end of the socket', () => client.status === 'waiting');
    await scene.platform.clock.advance(0);
    await until('signed out', () => signedOut.length === 1);
    expect(signedOut[0]?.error).to.include({ code: 'unauthenticated', reason: 'refresh_reused' });
    expect(refreshes()).to.have.length(1);
    expect(scene.server.peers).to.have.length(1);
    expect(client.status).to.equal('ended');
  });

  it('that cannot be renewed on an open socket end with signed_out', async () => {
    scene.server.post('/api/v1/auth/refresh', () => {
      throw fail('unauthenticated');
    });
    scene.server.opening.tokenMs = 20_000;
    const { client } = await scene.connected();
    const signedOut = heard(client, 'signed_out');
    await scene.platform.clock.advance(20_000);
    await until('signed out', () => signedOut.length === 1);
    expect(refreshes()).to.have.length(1);
  });

  it('are refreshed once, however many ask for a fresh one at the same time', async () => {
    let answer = (_: TokensAnswer) => {};
    let asked = 0;
    const keeper = createTokens({
      platform: scene.platform,
      settings: defaultSettings,
      given: { access_token: 'access 0', refresh_token: 'refresh 0' },
      refresh: () => {
        asked++;
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
      onTokens: () => {},
      problem: () => {},
    });
    keeper.spent('access 0');
    const fresh = [keeper.renew(), keeper.access(), keeper.renew()];
    answer(tokensAnswer());
    const [token] = await Promise.all(fresh);
    expect(await Promise.all([...fresh, keeper.access()])).to.deep.equal([token, token, token, token]);
    expect(asked).to.equal(1);
  });

  it('are asked for again, with the same refresh token, when the answer was lost', async () => {
    let tries = 0;
    scene.server.post('/api/v1/auth/refresh', () => {
      if (++tries === 1) throw fail('unavailable', { retry_after_ms: 1000 });
      return tokensAnswer();
    });
    const { client, peer } = await scene.connected();
    peer.close(4001);
    await until('the end of the socket', () => client.status === 'waiting');
    await scene.platform.clock.advance(0);
    await until('the pause', () => tries === 1 && scene.platform.waits().includes(1000));
    await scene.platform.clock.advance(1000);
    await scene.server.connection(2);
    await client.synced();
    expect(refreshes().map(({ body }) => body.refresh_token)).to.deep.equal(['refresh 0', 'refresh 0']);
  });

  it('are kept before they are used, and a failure to keep them is told', async () => {
    const order: string[] = [];
    let finish = () => {};
    const { client, peer } = await scene.connected({
      onTokens: () => {
        order.push('kept');
        return new Promise((_, reject) => {
          finish = () => reject(new Error('disk full'));
        });
      },
    });
    const problems = heard(client, 'problem');
    peer.close(4001);
    await until('the end of the socket', () => client.status === 'waiting');
    await scene.platform.clock.advance(0);
    await until('keeping', () => order.length === 1);
    expect(scene.server.peers).to.have.length(1);
    finish();
    await scene.server.connection(2);
    await client.synced();
    expect(problems[0]).to.include({ code: 'internal', reason: 'on_tokens' });
  });

  it('may come from a function that logs in, called once, and again after a failure that may pass', async () => {
    let calls = 0;
    scene.server.post('/api/v1/auth/login', () => {
      if (++calls === 1) throw fail('rate_limited', { retry_after_ms: 2000 });
      return tokensAnswer();
    });
    const client: Client = scene.client({
      tokens: () => login(scene.server.url, { login: 'anna', password: 'secret' }),
    });
    await until('the refusal', () => client.status === 'waiting');
    await scene.platform.clock.advance(2000);
    await client.ready();
    expect(calls).to.equal(2);
    scene.server.peers[0]?.cut();
    await scene.reconnected(client, 2);
    expect(calls).to.equal(2);
  });

  it('of a login that is refused end with signed_out', async () => {
    scene.server.post('/api/v1/auth/login', () => {
      throw fail('unauthenticated', { reason: 'wrong_password' });
    });
    const client = scene.client({
      tokens: () => login(scene.server.url, { login: 'anna', password: 'wrong' }),
    });
    expect(await rejection(client.ready())).to.include({ code: 'unauthenticated' });
    expect(client.status).to.equal('ended');
  });
});

describe('the account calls of the SDK', () => {
  const scene = useScene();

  it('register, login and refresh send what the API takes', async () => {
    const answer = tokensAnswer();
    for (const path of ['register', 'login', 'refresh'])
      scene.server.post(`/api/v1/auth/${path}`, () => answer);
    const fields = { email: 'anna@example.org', username: 'anna', password: 'secret' };
    expect(await register(scene.server.url, fields)).to.deep.equal(answer);
    await login(`${scene.server.url}/`, { login: 'anna', password: 'secret' });
    await refresh(scene.server.url, 'refresh 1');
    expect(scene.server.calls).to.deep.equal([
      { path: '/api/v1/auth/register', body: fields },
      { path: '/api/v1/auth/login', body: { login: 'anna', password: 'secret' } },
      { path: '/api/v1/auth/refresh', body: { refresh_token: 'refresh 1' } },
    ]);
  });

  it('reject with the problem', async () => {
    scene.server.post('/api/v1/auth/register', () => {
      throw fail('conflict', { reason: 'username_taken' });
    });
    const fields = { email: 'anna@example.org', username: 'anna', password: 'secret' };
    expect(await rejection(register(scene.server.url, fields))).to.include({
      code: 'conflict',
      reason: 'username_taken',
      retryable: false,
    });
    expect(await rejection(login(scene.server.url, { login: 'a', password: 'b' }))).to.include({
      code: 'not_found',
    });
  });

  it('have an unknown outcome when the server cannot be reached or is silent', async () => {
    const { platform } = scene;
    const gone = () => Promise.reject(new TypeError('fetch failed'));
    const call = refresh(scene.server.url, 'x', { platform: { ...platform, fetch: gone } });
    expect(await rejection(call)).to.include({ code: 'timeout', reason: 'network' });

    const never = (_: string, { signal }: RequestInit) =>
      new Promise<Response>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    const silent = rejection(refresh(scene.server.url, 'x', { platform: { ...platform, fetch: never } }));
    await platform.clock.advance(10_000);
    expect(await silent).to.include({ code: 'timeout', reason: 'no_answer' });
  });

  it('judge a proxy by its status', async () => {
    for (const [status, code] of [
      [502, 'unavailable'],
      [504, 'timeout'],
      [429, 'rate_limited'],
      [418, 'invalid'],
      [599, 'internal'],
    ] as const) {
      const fetch = async () => new Response('<html>', { status, headers: { 'retry-after': '3' } });
      const call = refresh(scene.server.url, 'x', { platform: { ...scene.platform, fetch } });
      expect(await rejection(call)).to.include({ code, retry_after_ms: 3000 });
    }
  });
});

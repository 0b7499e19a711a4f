import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { refused } from '../support/expected.ts';
import { product, useProduct } from '../support/program.ts';
import { rest } from '../support/rest.ts';
import { keepSecret, say } from '../support/secrets.ts';
import { openSocket } from '../support/socket.ts';
import { newUser, newUsers, type User } from '../support/users.ts';

async function ticketOf(user: User): Promise<string> {
  const { body } = await user.rest<{ ticket: string; expires_in: number }>('POST', '/api/v1/ws-ticket');
  expect(body.expires_in).to.equal(30);
  return keepSecret(body.ticket);
}

/** The answer to an upgrade request: 101, or what it was refused with. */
function upgrade(path: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const handshake = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    };
    const asked = request(`${product().url}${path}`, { headers: { ...handshake, ...headers } });
    asked.on('upgrade', (_, socket) => {
      socket.destroy();
      resolve({ status: 101, body: '' });
    });
    asked.on('response', async (response) => {
      response.setEncoding('utf8');
      let body = '';
      for await (const part of response) body += part;
      resolve({ status: response.statusCode ?? 0, body });
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function refusedUpgrade(path: string, headers: Record<string, string> = {}) {
  const { status, body } = await upgrade(path, headers);
  const { code, reason } = JSON.parse(body) as { code: string; reason?: string };
  return { status, code, reason };
}

/** A ticket that is not good: a page can read the code of a close, but not the status of an upgrade. */
async function closedUnauthenticated(path: string): Promise<void> {
  const socket = await openSocket(product().url, { path });
  expect(await socket.end()).to.include({ code: 4001 });
  expect(socket.frames).to.deep.equal([]);
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('a socket opens', () => {
  useProduct();

  it('for the bearer of an access token, and says who it is and until when', async () => {
    const user = await newUser();
    const socket = await user.open();
    const [ready] = socket.events('ready');
    const claims = JSON.parse(
      Buffer.from(user.tokens.access_token.split('.')[1] ?? '', 'base64url').toString(),
    ) as { exp: number };
    expect(ready).to.include({ user_id: user.id, login_id: user.login_id, ping_ms: 25_000 });
    expect(ready?.token_expires_at).to.equal(new Date(claims.exp * 1000).toISOString());
    expect(Date.parse(ready?.server_time ?? '')).to.be.closeTo(Date.now(), 60_000);
  });

  it('for a ticket, once', async () => {
    const user = await newUser();
    const path = `/ws?ticket=${await ticketOf(user)}`;
    const socket = await openSocket(product().url, { path });
    expect(await socket.event('ready')).to.include({ user_id: user.id, login_id: user.login_id });
    await closedUnauthenticated(path);
  });

  it('for the header alone where both are there: the ticket stays good', async () => {
    const [one, other] = await newUsers('one', 'other');
    const path = `/ws?ticket=${await ticketOf(other)}`;
    const socket = await openSocket(product().url, { path, token: one.tokens.access_token });
    expect(await socket.event('ready')).to.include({ user_id: one.id });
    expect(await refusedUpgrade(path, bearer('x.y.z'))).to.include({ status: 401, reason: 'token_invalid' });
    const later = await openSocket(product().url, { path });
    expect(await later.event('ready')).to.include({ user_id: other.id });
  });

  it('by its first frame: the reply comes first, `ready` after it', async () => {
    const user = await newUser();
    const socket = await openSocket(product().url);
    await socket.request('ping', {});
    const reply = await socket.request('auth', { token: user.tokens.access_token });
    const ready = await socket.event('ready');
    expect(ready).to.include({ user_id: user.id, token_expires_at: reply.token_expires_at });
    expect(socket.frames.map(({ type }) => type)).to.deep.equal(['ok', 'ok', 'ready']);
  });

  it('by its first frame, with requests right behind it', async () => {
    const user = await newUser();
    const socket = await openSocket(product().url);
    const auth = socket.request('auth', { token: user.tokens.access_token });
    const sync = socket.request('sync', {});
    expect(await sync).to.deep.equal({ chats: [], gone: [] });
    await auth;
    await socket.event('ready');
  });

  it('never for an access token in the URL', async () => {
    const user = await newUser();
    for (const name of ['token', 'access_token', 'ticket']) {
      const path = `/ws?${name}=${user.tokens.access_token}`;
      if (name === 'ticket') await closedUnauthenticated(path);
      else {
        const socket = await openSocket(product().url, { path });
        await refused(socket.refusal('sync'), 'unauthenticated', 'no_token');
      }
    }
  });

  it('with the subprotocol that it offers, or with none', async () => {
    const { tokens } = await newUser();
    for (const protocols of [['suhbat.v1'], []]) {
      const socket = await openSocket(product().url, { token: tokens.access_token, protocols });
      await socket.event('ready');
    }
  });

  it('for no token that is malformed, has expired, is of the future, or whose login has ended', async () => {
    const user = await newUser();
    const { sign } = product();
    const now = Date.now();
    const bad = {
      token_invalid: [
        'x',
        'a.b.c',
        `${user.tokens.access_token}x`,
        sign(user.id, user.login_id, now + 600_000),
      ],
      token_expired: [sign(user.id, user.login_id, now - 1_000_000)],
    };
    for (const [reason, tokens] of Object.entries(bad))
      for (const token of tokens) {
        const answer = { status: 401, code: 'unauthenticated', reason };
        expect(await refusedUpgrade('/ws', bearer(token))).to.deep.equal(answer);
        const socket = await openSocket(product().url);
        await refused(socket.refusal('auth', { token }), 'unauthenticated', reason);
        expect(await socket.end()).to.include({ code: 4001 });
      }
    const ticket = await ticketOf(user);
    await user.rest('POST', '/api/v1/auth/logout');
    expect(await refusedUpgrade('/ws', bearer(user.tokens.access_token))).to.include({
      status: 401,
      reason: 'login_revoked',
    });
    await closedUnauthenticated(`/ws?ticket=${ticket}`);
  });

  it('for no page of a foreign origin, and for those of its own host', async () => {
    const { tokens } = await newUser();
    const headers = bearer(tokens.access_token);
    const { host } = new URL(product().url);
    for (const origin of ['https://evil.example', 'null', `http://${host}.evil.example`])
      expect(await refusedUpgrade('/ws', { ...headers, origin })).to.deep.equal({
        status: 403,
        code: 'forbidden',
        reason: 'origin',
      });
    expect(await upgrade('/ws', { ...headers, origin: `http://${host}` })).to.include({ status: 101 });
  });

  it('for no plain request', async () => {
    const { status, body } = await rest<{ reason: string }>('GET', '/ws');
    expect({ status, reason: body.reason }).to.deep.equal({ status: 400, reason: 'no_upgrade' });
  });
});

describe('an open socket', () => {
  useProduct();

  it('lives on with a fresh token of the same user, and closes with 4001 when its token ends', async function () {
    this.timeout(30_000);
    const user = await newUser();
    const short = () => product().sign(user.id, user.login_id, Date.now(), 6);
    const [renewed, left] = await Promise.all(
      [0, 1].map(() => openSocket(product().url, { token: short() })),
    );
    if (renewed === undefined || left === undefined) throw new Error('two were opened');
    await Promise.all([renewed.event('ready'), left.event('ready')]);
    const { token_expires_at } = await renewed.request('auth', { token: user.tokens.access_token });
    expect(Date.parse(token_expires_at)).to.be.greaterThan(Date.now() + 60_000);
    expect(await left.end()).to.include({ code: 4001 });
    await renewed.quiet();
    expect(renewed.events('ready')).to.have.length(1);
  });

  it('refuses the token of another user, and one that is not good, and stays what it was', async () => {
    const [user, other] = await newUsers('user', 'other');
    const socket = await user.open();
    await refused(socket.refusal('auth', { token: other.tokens.access_token }), 'forbidden', 'other_user');
    await refused(socket.refusal('auth', { token: 'x' }), 'unauthenticated', 'token_invalid');
    const { chats } = await socket.request('sync', {});
    expect(chats).to.deep.equal([]);
  });

  it('goes with the login of its newest token', async () => {
    const user = await newUser();
    const device = await user.again();
    const socket = await user.open();
    await socket.request('auth', { token: device.tokens.access_token });
    await user.rest('POST', '/api/v1/auth/logout');
    await socket.quiet();
    await device.rest('POST', '/api/v1/auth/logout');
    expect(await socket.end()).to.include({ code: 4003 });
  });

  it('answers every usable id, of 1 to 64 characters, and refuses what has none without `re`', async () => {
    const socket = await (await newUser()).open();
    for (const id of ['1', 'x'.repeat(64), '🙂', '__proto__'])
      expect(await socket.ask('ping', {}, id)).to.deep.equal({ re: id, type: 'ok' });
    const bad = [
      '{"type":"ping"}',
      '{"id":"","type":"ping"}',
      '{"id":7,"type":"ping"}',
      '[]',
      '7',
      'null',
      '{',
    ];
    for (const text of [...bad, JSON.stringify({ id: 'x'.repeat(65), type: 'ping' })]) socket.raw(text);
    await socket.until('the refusals', () => socket.events('error' as never).length === 8);
    const codes = socket.events('error' as never).map(({ code }: { code: string }) => code);
    expect(new Set(codes)).to.deep.equal(new Set(['invalid']));
    await socket.quiet();
  });

  it('is closed with 4002 at the tenth of those in a minute', async () => {
    const socket = await (await newUser()).open();
    for (let times = 1; times <= 10; times++) socket.raw('[]');
    expect(await socket.end()).to.include({ code: 4002 });
    expect(socket.events('error' as never)).to.have.length(10);
  });

  it('refuses unknown types, U+0000 and lone surrogates, naming the request', async () => {
    const socket = await (await newUser()).open();
    for (const type of ['nonsense', 'toString', '__proto__', 'message.new', 'ready', ''])
      await refused(socket.refusal(type), 'invalid', 'unknown_type');
    for (const text of [`${say()}\u0000`, `${say()}\ud800`]) {
      const { errors } = await refused(socket.refusal('message.edit', { text }), 'invalid', 'bad_text');
      expect(errors?.map(({ path }) => path)).to.deep.equal(['/text']);
    }
  });

  it('closes with 4002 after binary, with 4013 after 64 KiB, and just ends beyond 256 KiB', async () => {
    const user = await newUser();
    const filled = (bytes: number) => JSON.stringify({ id: 'raw', type: 'ping' }).padEnd(bytes, ' ');
    const [binary, fits, large, huge] = await Promise.all([
      user.open(),
      user.open(),
      user.open(),
      user.open(),
    ]);
    binary.raw(new TextEncoder().encode('{"id":"1","type":"ping"}'));
    expect(await binary.end()).to.include({ code: 4002 });
    fits.raw(filled(64 * 1024), 'ping');
    await fits.until('the answer', () => fits.frames.some(({ re }) => re === 'raw'));
    large.raw(filled(64 * 1024 + 1));
    expect(await large.end()).to.include({ code: 4013 });
    huge.raw(filled(256 * 1024 + 1));
    expect(await huge.end()).to.include({ code: 1006 });
  });

  it('is counted while it is open, and no longer', async () => {
    const user = await newUser();
    const online = async () => {
      const { body } = await user.rest<{ online: boolean }>('GET', `/api/v1/users/${user.id}/presence`);
      return body.online;
    };
    expect(await online()).to.equal(false);
    const socket = await user.open();
    await eventually(online);
    socket.close();
    await eventually(async () => !(await online()));
  });
});

import { expect } from 'chai';
import { fail } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { until } from '../../support/until.ts';
import { connect, connectReady } from './clients.ts';
import { raw, upgradeHead } from './raw.ts';
import { type GatewayTest, startGateway } from './support.ts';

describe('gateway: opening a socket', () => {
  let test: GatewayTest;
  beforeEach(async () => {
    test = await startGateway({ rates: { socketsPerIp: 3 } });
  });
  afterEach(() => test.stop());

  it('authenticates by bearer token on the upgrade', async () => {
    const [user, login] = [newId(), newId()];
    const client = await connect(test, { token: test.token(user, login) });
    const ready = await client.event('ready');
    expect(ready).to.include({ user_id: user, login_id: login, ping_ms: 25_000 });
    expect(Date.parse(String(ready.token_expires_at)) - Date.parse(String(ready.server_time))).to.be.within(
      880_000,
      901_000,
    );
    expect(ready.connection_id).to.be.a('string');
  });

  it('authenticates by a ticket, once', async () => {
    const [user, login] = [newId(), newId()];
    const tickets = new Set(['t-1']);
    test.services['users.take_ticket'] = ({ ticket }: { ticket: string }) => {
      if (!tickets.delete(ticket)) throw fail('unauthenticated', { reason: 'ticket_invalid' });
      return { user_id: user, login_id: login };
    };
    const client = await connect(test, { query: '?ticket=t-1' });
    expect(await client.event('ready')).to.include({ user_id: user, login_id: login });
    const again = await connect(test, { query: '?ticket=t-1' });
    expect(await again.end()).to.include({ code: 4001 });
    expect(again.frames).to.deep.equal([]);
  });

  it('says bye where a ticket cannot be looked up now', async () => {
    test.services['users.take_ticket'] = () => {
      throw fail('unavailable');
    };
    const client = await connect(test, { query: '?ticket=t-1' });
    expect(await client.event('bye')).to.include({ reason: 'unavailable' });
    expect(await client.end()).to.include({ code: 1001 });
  });

  it('leaves a socket alone that authenticates by a frame while its ticket is looked up in vain', async () => {
    let refuse: ((error: unknown) => void) | undefined;
    test.services['users.take_ticket'] = () => new Promise((_, reject) => (refuse = reject));
    const client = await connect(test, { query: '?ticket=t-1' });
    await until('the lookup', () => refuse);
    await client.request({ id: '1', type: 'auth', token: test.token(newId()) });
    await client.event('ready');
    refuse?.(fail('unauthenticated', { reason: 'ticket_invalid' }));
    expect(await client.request({ id: '2', type: 'ping' })).to.include({ type: 'ok' });
    expect(client.closed).to.equal(undefined);
  });

  it('survives a client that goes away while its ticket is looked up', async () => {
    let answer: ((caller: object) => void) | undefined;
    test.services['users.take_ticket'] = () => new Promise((resolve) => (answer = resolve));
    const client = raw(test, upgradeHead('/ws?ticket=t-1'));
    await until('the lookup', () => answer);
    client.socket.destroy();
    await eventually(async () => (await test.metrics.connections.get()).values[0]?.value === 0);
    answer?.({ user_id: newId(), login_id: newId() });
    await connectReady(test, newId());
    expect(test.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('authenticates by the first frame, and answers it before `ready`', async () => {
    const user = newId();
    const client = await connect(test);
    expect(await client.request({ id: '0', type: 'sync' })).to.include({
      type: 'error',
      code: 'unauthenticated',
    });
    const reply = await client.request({ id: '1', type: 'auth', token: test.token(user) });
    expect(reply.type).to.equal('ok');
    expect(reply.token_expires_at).to.be.a('string');
    expect(await client.event('ready')).to.include({ user_id: user });
    expect(client.frames.map(({ type }) => type)).to.deep.equal(['error', 'ok', 'ready']);
  });

  it('closes with 4001 after a token that is not valid, having said so', async () => {
    const client = await connect(test);
    const reply = await client.request({ id: '1', type: 'auth', token: 'a.b.c' });
    expect(reply).to.include({ type: 'error', code: 'unauthenticated', retryable: false });
    expect(await client.end()).to.deep.equal({ code: 4001, reason: 'unauthenticated' });
  });

  it('refuses a bad bearer token at the upgrade with a 401 problem', async () => {
    const client = raw(test, upgradeHead('/ws', { Authorization: 'Bearer a.b.c' }));
    const text = await client.has('token_invalid');
    expect(text).to.include('401 Unauthorized').and.include('application/problem+json');
    client.socket.destroy();
  });

  it('never takes an access token from the URL', async () => {
    const client = await connect(test, { query: `?token=${test.token(newId())}` });
    expect(await client.request({ id: '1', type: 'sync' })).to.include({ code: 'unauthenticated' });
  });

  it('refuses a fresh token of another user, and stays what it was', async () => {
    const client = await connectReady(test, newId());
    expect(await client.request({ id: '1', type: 'auth', token: test.token(newId()) })).to.include({
      code: 'forbidden',
      reason: 'other_user',
    });
    expect(await client.request({ id: '2', type: 'auth', token: 'bad' })).to.include({
      code: 'unauthenticated',
    });
    expect(await client.request({ id: '3', type: 'ping' })).to.include({ type: 'ok' });
  });

  it('closes the sockets of a revoked login with 4003 at once, and no others', async () => {
    const [user, login] = [newId(), newId()];
    const revoked = await connectReady(test, user, login);
    const other = await connectReady(test, user);
    test.bus.publish('logins.revoked', { frame: '', note: { user_id: user, login_ids: [login] } });
    expect((await revoked.end()).code).to.equal(4003);
    expect(await other.request({ id: '1', type: 'ping' })).to.include({ type: 'ok' });
    const late = raw(test, upgradeHead('/ws', { Authorization: `Bearer ${test.token(user, login)}` }));
    await late.has('login_revoked');
    late.socket.destroy();
    const byFrame = await connect(test);
    await byFrame.request({ id: '1', type: 'auth', token: test.token(user, login) });
    expect((await byFrame.end()).code).to.equal(4001);
  });

  it('lets in pages of the allowlist and of its own host, and programs without an origin', async () => {
    for (const origin of [undefined, 'https://chat.example', `http://127.0.0.1:${test.port}`]) {
      const client = await connect(test, origin === undefined ? {} : { origin });
      client.ws.close();
      await client.end();
    }
    for (const origin of [
      'https://evil.example',
      'https://chat.example.evil',
      'http://chat.example',
      'null',
    ]) {
      const client = raw(test, upgradeHead('/ws', { Origin: origin }));
      expect(await client.has('problem+json'), origin).to.include('403 Forbidden');
      client.socket.destroy();
    }
  });

  it('echoes the subprotocol when it is offered', async () => {
    const client = await connect(test, { protocols: ['other', 'suhbat.v1'] });
    expect(client.ws.protocol).to.equal('suhbat.v1');
    expect((await connect(test)).ws.protocol).to.equal('');
  });

  it('limits the sockets of one address, and frees their places', async () => {
    const clients = [await connect(test), await connect(test), await connect(test)];
    const fourth = raw(test, upgradeHead('/ws'));
    expect(await fourth.has('too_many_sockets'))
      .to.include('429 Too Many Requests')
      .and.match(/Retry-After: \d/);
    fourth.socket.destroy();
    clients[0]?.ws.close();
    await clients[0]?.end();
    await connect(test);
  });

  it('tells the user actor of each connection, and of its end after that', async () => {
    const user = newId();
    const client = await connectReady(test, user);
    const connection = String(client.frames[0]?.connection_id);
    client.ws.close();
    const commands = await until('both', () => {
      const own = test.asked.filter(({ kind, id }) => kind === 'user' && id === user);
      return own.length === 2 && own.map((ask) => ask.commands[0]);
    });
    expect(commands).to.deep.equal([
      { type: 'connect', gateway: 'gateway-under-test', connection },
      { type: 'disconnect', gateway: 'gateway-under-test', connection },
    ]);
  });

  it('says bye to a connection that it cannot attach', async () => {
    test.services['chats.attach'] = () => {
      throw fail('unavailable');
    };
    const client = await connect(test, { token: test.token(newId()) });
    expect(await client.event('bye')).to.include({ reason: 'unavailable' });
    expect((await client.end()).code).to.equal(1001);
    expect(client.frames.length).to.equal(1);
  });
});

describe('gateway: what time does to a socket', () => {
  let test: GatewayTest;
  beforeEach(async () => {
    test = await startGateway({ hurry: 20 });
  });
  afterEach(() => test.stop());

  it('closes with 4001 what nobody authenticated within ten seconds', async () => {
    const client = await connect(test);
    const other = await connectReady(test, newId());
    expect((await client.end()).code).to.equal(4001);
    expect(other.closed).to.equal(undefined);
  });

  it('closes with 4001 when the token expires, unless a fresh one came', async () => {
    const user = newId();
    const short = await connect(test, { token: test.token(user, newId(), 100) });
    const renewed = await connect(test, { token: test.token(user, newId(), 100) });
    await renewed.event('ready');
    expect(await renewed.request({ id: '1', type: 'auth', token: test.token(user) })).to.include({
      type: 'ok',
    });
    expect((await short.end()).code).to.equal(4001);
    expect(await renewed.request({ id: '2', type: 'ping' })).to.deep.equal({ re: '2', type: 'ok' });
  });

  it('sends WebSocket pings at the pace that `ready` promises', async () => {
    const socket = raw(test, upgradeHead('/ws', { Authorization: `Bearer ${test.token(newId())}` }));
    await socket.has('"ready"');
    // An unmasked ping without a body.
    await socket.has('\x89\x00');
    socket.socket.destroy();
  });
});

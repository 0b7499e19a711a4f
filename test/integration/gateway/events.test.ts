import { expect } from 'chai';
import { fail } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { until } from '../../support/until.ts';
import { raw } from './raw.ts';
import { type GatewayTest, startGateway } from './support.ts';

interface Stream {
  response: Response;
  /** The frames so far, without `retry:` and comments. */
  frames: Record<string, unknown>[];
  text(): string;
  ended(): boolean;
  event(type: string): Promise<Record<string, unknown>>;
  close(): void;
}

describe('gateway: server-sent events', function () {
  this.timeout(60_000);

  let test: GatewayTest;
  const streams: Stream[] = [];
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await test.stop();
  });

  async function listen(headers: Record<string, string>, query = ''): Promise<Stream> {
    const abort = new AbortController();
    const { signal } = abort;
    const response = await fetch(`${test.base}/api/v1/events${query}`, { headers, signal });
    let text = '';
    let ended = false;
    const stream: Stream = {
      response,
      get frames() {
        const whole = text.slice(0, text.lastIndexOf('\n\n') + 1);
        const lines = whole.split('\n').filter((line) => line.startsWith('data: '));
        return lines.map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>);
      },
      text: () => text,
      ended: () => ended,
      event: (type) => until(`event ${type}`, () => stream.frames.find((frame) => frame.type === type)),
      close: () => abort.abort(),
    };
    streams.push(stream);
    void (async () => {
      const decoder = new TextDecoder();
      try {
        for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true });
      } catch {
        // Aborted by us, or reset.
      }
      ended = true;
    })();
    return stream;
  }

  const listenAs = (userId: string, loginId?: string) =>
    listen({ authorization: `Bearer ${test.token(userId, loginId)}` });

  const say = (userId: string, text: string) =>
    test.bus.publish(subjects.user(userId), { frame: JSON.stringify({ type: 'message', text }) });

  const connections = async () => {
    const text = await (await fetch(`${test.base}/metrics`)).text();
    return Number(/^suhbat_connections (\d+)/m.exec(text)?.[1]);
  };
  async function allGone(): Promise<void> {
    for (const end = performance.now() + 8000; (await connections()) > 0; )
      if (performance.now() > end) throw new Error('a connection stays');
  }

  it('begin with resync, then ready, and bring what the sockets of the user and of the chats hear', async () => {
    test = await startGateway();
    const [user, group] = [newId(), newId()];
    test.services['chats.attach'] = () => ({ chats: [{ id: group, member_seq: 1 }] });
    const stream = await listenAs(user);
    expect(stream.response.status).to.equal(200);
    expect(stream.response.headers.get('content-type')).to.equal('text/event-stream');
    expect(stream.response.headers.get('cache-control')).to.equal('no-store');
    await stream.event('ready');
    expect(stream.frames.map(({ type }) => type)).to.deep.equal(['resync', 'ready']);
    expect(stream.frames[1]).to.include({ user_id: user, ping_ms: 15_000 });
    say(user, 'to me: ÿ 𝄞');
    test.bus.publish(subjects.chat(group), {
      frame: JSON.stringify({ type: 'message', text: 'to all' }),
      chat: { id: group, member_seq: 1, seq: 2 },
    });
    await until('both', () => stream.frames.length === 4);
    expect(stream.frames.slice(2).map(({ text }) => text)).to.deep.equal(['to me: ÿ 𝄞', 'to all']);
  });

  it('count as presence while they are open, and leave nothing behind', async () => {
    test = await startGateway();
    const user = newId();
    const told = (type: string) => test.asked.filter(({ commands }) => commands[0]?.type === type);
    const stream = await listenAs(user);
    await stream.event('ready');
    expect(told('connect').map(({ id }) => id)).to.deep.equal([user]);
    expect(await connections()).to.equal(1);
    stream.close();
    await until('the user actor to be told', () => told('disconnect').length === 1);
    await allGone();
  });

  it('take a ticket, once', async () => {
    test = await startGateway();
    const [user, login] = [newId(), newId()];
    const tickets = new Set(['a-ticket']);
    test.services['users.take_ticket'] = ({ ticket }: { ticket: string }) => {
      if (!tickets.delete(ticket)) throw fail('unauthenticated', { reason: 'ticket_invalid' });
      return { user_id: user, login_id: login };
    };
    const stream = await listen({}, '?ticket=a-ticket');
    expect(await stream.event('ready')).to.include({ user_id: user, login_id: login });
    const again = await listen({}, '?ticket=a-ticket');
    expect(again.response.status).to.equal(401);
    await until('the refusal', () => again.ended());
    expect(JSON.parse(again.text())).to.include({ code: 'unauthenticated', reason: 'ticket_invalid' });
    const without = await listen({});
    expect(without.response.status).to.equal(401);
  });

  it('end when the token expires, and when the login is logged out', async () => {
    test = await startGateway();
    const [user, login] = [newId(), newId()];
    const [short, revoked, other] = await Promise.all([
      listen({ authorization: `Bearer ${test.token(user, newId(), 5)}` }),
      listenAs(user, login),
      listenAs(user),
    ]);
    await Promise.all([short, revoked, other].map((stream) => stream.event('ready')));
    await until('the expired one to end', () => short.ended());
    test.bus.publish(subjects.revoked, { frame: '', note: { user_id: user, login_ids: [login] } });
    await until('the revoked one to end', () => revoked.ended());
    expect(other.ended()).to.equal(false);
  });

  it('say bye while the gateway drains, and end', async () => {
    test = await startGateway();
    const stream = await listenAs(newId());
    await stream.event('ready');
    await test.gateway.drain(3000);
    await until('the end', () => stream.ended());
    expect(stream.frames.at(-1)).to.include({ type: 'bye', reason: 'draining' });
  });

  it('say bye, and end, where the chats of the user cannot be attached', async () => {
    test = await startGateway();
    test.services['chats.attach'] = () => {
      throw fail('unavailable');
    };
    const stream = await listenAs(newId());
    await until('the end', () => stream.ended());
    expect(stream.frames.map(({ type }) => type)).to.deep.equal(['bye']);
    await allGone();
  });

  it('are kept open by comments', async () => {
    test = await startGateway({ hurry: 20 });
    const stream = await listenAs(newId());
    await until('three comments', () => (stream.text().match(/^:$/gm)?.length ?? 0) >= 3);
    expect(stream.ended()).to.equal(false);
  });

  it('are as many from one address as sockets may be', async () => {
    test = await startGateway({ rates: { socketsPerIp: 2 } });
    const [first] = await Promise.all([listenAs(newId()), listenAs(newId())]);
    const third = await listenAs(newId());
    expect(third.response.status).to.equal(429);
    first?.close();
    let status = 429;
    for (const end = performance.now() + 8000; status === 429 && performance.now() < end; )
      status = (await listenAs(newId())).response.status;
    expect(status).to.equal(200);
  });

  it('end for a client that does not read, and others hear on', async () => {
    test = await startGateway({ settings: { maxBackpressure: 256 * 1024 } });
    const [deaf, user] = [newId(), newId()];
    const head = `GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${test.token(deaf)}\r\n\r\n`;
    const line = raw(test, head);
    await line.has('"ready"');
    line.socket.pause();
    const stream = await listenAs(user);
    await stream.event('ready');
    const big = 'x'.repeat(50_000);
    // One connection is left when the other has been ended.
    for (let n = 0; n < 2000 && (await connections()) > 1; n++) say(deaf, big);
    const text = await test.metrics.registry.metrics();
    expect(text).to.match(/^suhbat_slow_clients_closed_total 1$/m);
    say(user, 'still here');
    await until('the other to hear', () => stream.frames.at(-1)?.text === 'still here');
    line.socket.destroy();
  });

  it('bring all in order to a client that reads late', async () => {
    test = await startGateway({ settings: { maxBackpressure: 64 * 1024 * 1024 } });
    const user = newId();
    const head = `GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${test.token(user)}\r\n\r\n`;
    const line = raw(test, head);
    await line.has('"ready"');
    line.socket.pause();
    const count = 600;
    for (let n = 0; n < count; n++) {
      say(user, `${n} ${'x'.repeat(20_000)}`);
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    line.socket.resume();
    await line.has(`"text":"${count - 1} `);
    const heard = [...line.unchunked().matchAll(/"text":"(\d+) /g)].map(([, n]) => Number(n));
    expect(heard).to.deep.equal([...Array(count).keys()]);
    line.socket.destroy();
  });

  it('are answered without a stream to HEAD, and refused where the bearer is wrong', async () => {
    test = await startGateway();
    const url = `${test.base}/api/v1/events`;
    const authorization = `Bearer ${test.token(newId())}`;
    const head = await fetch(url, { method: 'HEAD', headers: { authorization } });
    expect(head.status).to.equal(200);
    expect(head.headers.get('content-type')).to.equal('text/event-stream');
    expect((await fetch(url, { headers: { authorization: 'Bearer x' } })).status).to.equal(401);
    expect(await connections()).to.equal(0);
  });
});

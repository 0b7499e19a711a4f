import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { Message } from '../../../schemas/chat/wire.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { message } from './frames/cases.ts';
import { expectExact } from './support/exact.ts';
import { type Product, startProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import { freshAddress, freshName, freshPassword } from './support/secrets.ts';
import { closeSockets, type Frame, openSocket, type Socket } from './support/socket.ts';

describe('SIGTERM', () => {
  let own: Product;
  let token: string;
  let chat_id: string;
  let sockets: Socket[];

  beforeEach(async function () {
    this.timeout(60_000);
    own = await startProduct({ SUHBAT_STOP_DEADLINE: '30000' });
    const register = async () => {
      const body = { username: freshName(), email: freshAddress(), password: freshPassword() };
      return (await rest<Tokens>('POST', '/api/v1/auth/register', { body, url: own.url })).body;
    };
    const [ann, bob] = [await register(), await register()];
    token = ann.access_token;
    sockets = await Promise.all(
      [ann, ann, bob].map(({ access_token }) => openSocket(own.url, { token: access_token })),
    );
    await Promise.all(sockets.map((socket) => socket.event('ready')));
    const [socket] = sockets as [Socket];
    chat_id = (await socket.request('chat.create', { chat_type: 'private', user_id: bob.user.id })).chat.id;
  });
  afterEach(async function () {
    this.timeout(30_000);
    closeSockets();
    own.program.kill();
    await own.end().catch(() => {});
    expectExact();
  });

  /** Keeps twenty requests in flight until it hears `bye`; every request by its id. */
  function chatter(socket: Socket): ReadonlyMap<string, Frame> {
    const sent = new Map<string, Frame>();
    const send = async (): Promise<void> => {
      while (socket.closed() === undefined && socket.events('bye').length === 0) {
        const fields = message(chat_id);
        const id = `sent-${sent.size + 1}`;
        sent.set(id, fields);
        await socket.ask('message.send', fields, id);
      }
    };
    // What is not answered any more is the test's business, not its own.
    for (let n = 0; n < 20; n++) send().catch(() => {});
    return sent;
  }

  const replies = (socket: Socket) => socket.frames.filter(({ re }) => String(re).startsWith('sent-'));

  it('lets what is in flight be answered, each once, says bye, and closes with 1001', async function () {
    this.timeout(60_000);
    const sent = sockets.map(chatter);
    for (const socket of sockets) await socket.until('some answers', () => replies(socket).length > 30);
    const posts = Array.from({ length: 20 }, () => {
      const { text } = message(chat_id);
      const path = `/api/v1/chats/${chat_id}/messages`;
      return rest<Message>('POST', path, { token, body: { text }, url: own.url }).catch(() => undefined);
    });
    own.program.signal('SIGTERM');
    for (const [at, socket] of sockets.entries()) {
      expect(await socket.end()).to.include({ code: 1001 });
      const [bye, ...more] = socket.events('bye');
      expect(bye).to.include({ reason: 'draining' });
      expect(bye?.reconnect_after_ms).to.be.within(0, 5000);
      expect(more).to.deep.equal([]);
      const answered = replies(socket);
      const all = [...(sent[at]?.keys() ?? [])];
      const done = answered.filter(({ type }) => type === 'ok').map(({ re }) => String(re));
      // What came after the drain began is refused at once, before what is in flight is answered.
      expect(done).to.deep.equal(all.slice(0, done.length));
      expect(answered.map(({ re }) => re)).to.have.members(all.slice(0, answered.length));
      for (const reply of answered.filter(({ type }) => type !== 'ok'))
        expect(reply).to.include({ code: 'unavailable', retryable: true });
    }
    // A connection that no request has come over yet is closed without an answer.
    for (const post of await Promise.all(posts)) expect(post?.status ?? 201).to.be.oneOf([201, 503]);
    expect(await own.program.ended()).to.equal(0);
  });

  it('loses nothing that was answered: the next start has it', async function () {
    this.timeout(60_000);
    const sent = sockets.map(chatter);
    for (const socket of sockets) await socket.until('some answers', () => replies(socket).length > 30);
    own.program.signal('SIGTERM');
    await Promise.all(sockets.map((socket) => socket.end()));
    expect(await own.program.ended()).to.equal(0);
    const acked = sockets.flatMap((socket, at) =>
      replies(socket)
        .filter(({ type }) => type === 'ok')
        .map(({ re, seq }) => [seq, sent[at]?.get(String(re))?.text] as const),
    );
    await own.again();
    const found = new Map<number, string>();
    for (let after = 0; ; ) {
      const path = `/api/v1/chats/${chat_id}/messages?after=${after}&limit=200`;
      const { body } = await rest<{ messages: Message[]; has_more: boolean }>('GET', path, {
        token,
        url: own.url,
      });
      for (const { seq, text } of body.messages) found.set(seq, text);
      after = body.messages.at(-1)?.seq ?? after;
      if (!body.has_more) break;
    }
    expect(acked.length).to.be.at.least(90);
    for (const [seq, text] of acked) expect(found.get(Number(seq))).to.equal(text);
  });

  it('of an idle program closes every socket after its bye, and ends with 0', async function () {
    this.timeout(60_000);
    own.program.signal('SIGTERM');
    for (const socket of sockets) {
      await socket.event('bye');
      expect(await socket.end()).to.include({ code: 1001 });
    }
    expect(await own.program.ended()).to.equal(0);
    const gone = await rest('GET', '/health', { url: own.url }).then(
      () => 'answered',
      () => 'refused',
    );
    expect(gone).to.equal('refused');
  });

  it('a second time ends it at once, whatever is still in flight', async function () {
    this.timeout(60_000);
    const { hostname, port } = new URL(own.url);
    const slow = connect(Number(port), hostname);
    const post =
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{';
    slow.write(`GET /live HTTP/1.1\r\nHost: x\r\n\r\n${post}`);
    // Both came at once: who has the answer to the first knows that the second is being read.
    await once(slow, 'data');
    own.program.signal('SIGTERM');
    await sockets[0]?.event('bye');
    const again = setInterval(() => own.program.signal('SIGTERM'), 50);
    const how = await own.program.ended().finally(() => clearInterval(again));
    slow.destroy();
    expect(how).to.equal(143);
  });
});

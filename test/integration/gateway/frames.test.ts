import { expect } from 'chai';
import { privateChatId } from '../../../schemas/chat/private-id.ts';
import { fail } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { until } from '../../support/until.ts';
import { type Client, closeClients, connectReady, type Frame } from './clients.ts';
import { raw, upgradeHead } from './raw.ts';
import { type GatewayTest, startGateway } from './support.ts';

describe('gateway: frames', () => {
  const me = newId();
  const chat = newId();
  let test: GatewayTest;
  let client: Client;

  beforeEach(async () => {
    test = await startGateway();
    client = await connectReady(test, me);
    test.asked.length = 0;
  });
  afterEach(async () => {
    closeClients();
    await test.stop();
  });

  const send = (id: string, more: Frame = {}) => ({
    id,
    type: 'message.send',
    chat_id: chat,
    client_id: newId(),
    kind: 'text',
    text: id,
    ...more,
  });
  const chatAsks = () => test.asked.filter(({ kind }) => kind === 'chat');
  const texts = () => chatAsks().map(({ commands }) => commands.map(({ text }) => text));

  /** Holds the first ask until it is let go. */
  function holdFirst(): { letGo: () => void } {
    const held = { letGo: () => {} };
    let first = true;
    test.actors.answer = (kind) => {
      if (kind !== 'chat' || !first) return undefined;
      first = false;
      return new Promise((resolve) => {
        held.letGo = () => resolve([{ reply: {} }]);
      });
    };
    return held;
  }

  it('sends actor commands straight to the owner, ids in lower case, with who asks', async () => {
    const other = newId();
    const cases: [Frame, object][] = [
      [
        { type: 'message.edit', target: 3, text: 'x' },
        { type: 'message.edit', by: me, target: 3, text: 'x' },
      ],
      [
        { type: 'message.delete', target: 3 },
        { type: 'message.delete', by: me, target: 3 },
      ],
      [
        { type: 'reaction.set', target: 3, emoji: null },
        { type: 'reaction.set', by: me, target: 3, emoji: null },
      ],
      [
        { type: 'read', seq: 0 },
        { type: 'read', by: me, seq: 0 },
      ],
      [
        { type: 'typing', active: true },
        { type: 'typing', by: me, active: true },
      ],
      [{ type: 'chat.leave' }, { type: 'chat.leave', by: me }],
      [
        { type: 'member.remove', user_id: other.toUpperCase() },
        { type: 'member.remove', by: me, user_id: other },
      ],
      [
        { type: 'member.role', user_id: other, role: 'admin' },
        { type: 'member.role', by: me, user_id: other, role: 'admin' },
      ],
    ];
    test.actors.answer = (_, __, commands) => commands.map(() => ({ reply: { seq: 7 } }));
    for (const [at, [frame, command]] of cases.entries()) {
      const id = String(at);
      expect(await client.request({ ...frame, id, chat_id: chat.toUpperCase() })).to.deep.equal({
        re: id,
        type: 'ok',
        seq: 7,
      });
      expect(chatAsks().at(-1)).to.deep.equal({ kind: 'chat', id: chat, commands: [command] });
    }
  });

  it('calls services with the frame without its envelope, as its user', async () => {
    const cases: [string, Frame, object][] = [
      ['chats.get', { type: 'chat.get', chat_id: chat }, { chat_id: chat }],
      ['chats.update', { type: 'chat.update', chat_id: chat, title: 'T' }, { chat_id: chat, title: 'T' }],
      ['chats.join', { type: 'chat.join', chat_id: chat }, { chat_id: chat }],
      [
        'chats.add_members',
        { type: 'member.add', chat_id: chat, user_ids: [chat.toUpperCase()] },
        { chat_id: chat, user_ids: [chat] },
      ],
      ['chats.history', { type: 'history', chat_id: chat, after: 0 }, { chat_id: chat, after: 0 }],
      [
        'chats.sync',
        { type: 'sync', chats: { [chat.toUpperCase()]: [1, 2] } },
        { chats: { [chat]: [1, 2] } },
      ],
      [
        'chats.create',
        { type: 'chat.create', chat_type: 'group', title: 'T', member_ids: [] },
        { chat_type: 'group', title: 'T', member_ids: [] },
      ],
    ];
    for (const [action] of cases) test.services[action] = () => ({ action, chat: {}, created: true });
    for (const [at, [action, frame, params]] of cases.entries()) {
      const id = String(at);
      const reply = action === 'chats.create' ? { chat: {} } : { action, chat: {}, created: true };
      expect(await client.request({ ...frame, id })).to.deep.equal({ re: id, type: 'ok', ...reply });
      const call = test.called.at(-1);
      expect(call?.action).to.equal(action);
      expect(call?.params).to.deep.equal(params);
      expect(call?.meta.user_id).to.equal(me);
      expect(call?.meta.login_id).to.equal(client.frames[0]?.login_id);
    }
  });

  it('keeps one call per chat in flight, and sends together what came meanwhile, in order', async () => {
    const held = holdFirst();
    client.send(send('1'));
    await until('the first ask', () => chatAsks().length === 1);
    for (const id of ['2', '3', '4']) client.send(send(id));
    expect(await client.request({ id: 'p', type: 'ping' })).to.include({ type: 'ok' });
    expect(texts()).to.deep.equal([['1']]);
    held.letGo();
    await client.reply('4');
    expect(texts()).to.deep.equal([['1'], ['2', '3', '4']]);
    expect(client.frames.filter(({ re }) => re !== undefined).map(({ re }) => re)).to.deep.equal([
      'p',
      '1',
      '2',
      '3',
      '4',
    ]);
  });

  it('lets service calls wait their turn in the same lane', async () => {
    const held = holdFirst();
    test.services['chats.history'] = () => ({ messages: [] });
    client.send(send('1'));
    await until('the first ask', () => chatAsks().length === 1);
    client.send(send('2'));
    client.send({ id: '3', type: 'history', chat_id: chat });
    client.send(send('4'));
    await client.request({ id: 'p', type: 'ping' });
    expect(test.called.filter(({ action }) => action === 'chats.history')).to.deep.equal([]);
    held.letGo();
    await client.reply('4');
    expect(texts()).to.deep.equal([['1'], ['2'], ['4']]);
    expect(client.frames.slice(2).map(({ re }) => re)).to.deep.equal(['1', '2', '3', '4']);
  });

  it('does not let one chat wait for another', async () => {
    const held = holdFirst();
    client.send(send('1'));
    await until('the first ask', () => chatAsks().length === 1);
    expect(await client.request(send('2', { chat_id: newId() }))).to.include({ type: 'ok' });
    held.letGo();
    await client.reply('1');
  });

  it('opens the private chat of a first message, and repeats its sends in order', async () => {
    const other = newId();
    const id = privateChatId(me, other);
    let exists = false;
    const held = holdFirst();
    const first = test.actors.answer;
    test.actors.answer = (kind, chatId, commands) =>
      first(kind, chatId, commands) ??
      commands.map(() =>
        exists ? { reply: { chat_id: chatId } } : { refusal: { code: 'not_found', reason: 'no_chat' } },
      );
    test.services['chats.create'] = () => {
      exists = true;
      return { chat: {} };
    };
    // Something of the same chat in flight, so that the two sends go together.
    client.send({ id: '0', type: 'typing', chat_id: id, active: true });
    await until('the first ask', () => chatAsks().length === 1);
    client.send(send('1', { chat_id: undefined, user_id: other.toUpperCase() }));
    client.send(send('2', { chat_id: undefined, user_id: other }));
    await client.request({ id: 'p', type: 'ping' });
    held.letGo();
    expect(await client.reply('1')).to.deep.equal({ re: '1', type: 'ok', chat_id: id });
    expect(await client.reply('2')).to.deep.equal({ re: '2', type: 'ok', chat_id: id });
    expect(texts().slice(1)).to.deep.equal([
      ['1', '2'],
      ['1', '2'],
    ]);
    const creations = test.called.filter(({ action }) => action === 'chats.create');
    expect(creations.map(({ params }) => params)).to.deep.equal([{ chat_type: 'private', user_id: other }]);
  });

  it('passes on why a private chat cannot be opened', async () => {
    test.actors.answer = (kind, _, commands) =>
      kind === 'chat'
        ? commands.map(() => ({ refusal: { code: 'not_found', reason: 'no_chat' } }))
        : undefined;
    test.services['chats.create'] = () => {
      throw fail('forbidden', { reason: 'blocked' });
    };
    const reply = await client.request(send('1', { chat_id: undefined, user_id: newId() }));
    expect(reply).to.include({ code: 'forbidden', reason: 'blocked' });
    expect(await client.request(send('2'))).to.include({ code: 'not_found', reason: 'no_chat' });
  });

  it('takes either a chat or a user to send to', async () => {
    for (const more of [{ chat_id: undefined }, { user_id: newId() }])
      expect(await client.request(send(newId(), more))).to.include({ code: 'invalid' });
  });

  it('says that a send of unknown outcome may be repeated, and an edit may not', async () => {
    test.actors.answer = (_, __, commands) => commands.map(() => ({ refusal: { code: 'timeout' } }));
    expect(await client.request(send('1'))).to.include({ code: 'timeout', retryable: true });
    const edit = { id: '2', type: 'message.edit', chat_id: chat, target: 1, text: 'x' };
    expect(await client.request(edit)).to.include({ code: 'timeout', retryable: false });
  });

  it('gives every request exactly one reply, whatever becomes of it', async () => {
    test.actors.answer = (_, __, commands) => {
      const [{ text = '' } = {}] = commands as { text?: string }[];
      if (text === 'short') return [];
      if (text === 'throws') throw new Error('broken');
      return undefined;
    };
    test.services['chats.sync'] = () => {
      throw new Error('a bug');
    };
    const frames: Frame[] = [
      send('1', { text: 'short' }),
      send('2', { text: 'throws', chat_id: newId() }),
      { id: '3', type: 'sync' },
      { id: '4', type: 'nothing' },
      { id: '5', type: 'toString' },
      { id: '6', type: 'ping', extra: 1 },
      { id: '7', type: 'message.send', chat_id: 'x', client_id: 'y', kind: 'text', text: '' },
      { id: '8', type: 'read', chat_id: chat, seq: -1 },
      send('9', { chat_id: newId() }),
    ];
    for (const frame of frames) client.send(frame);
    for (let at = 1; at <= 9; at++) await client.reply(String(at));
    await client.request({ id: 'end', type: 'ping' });
    const codes = frames.map(({ id }) =>
      client.frames.filter(({ re }) => re === id).map(({ code }) => code ?? 'ok'),
    );
    expect(codes).to.deep.equal([
      ['internal'],
      ['internal'],
      ['internal'],
      ['invalid'],
      ['invalid'],
      ['invalid'],
      ['invalid'],
      ['invalid'],
      ['ok'],
    ]);
    const seven = client.frames.find(({ re }) => re === '7');
    expect(seven?.errors).to.be.an('array').with.length.greaterThan(1);
  });

  it('bounds what one connection has waiting', async () => {
    const held = holdFirst();
    client.send(send('0'));
    await until('the first ask', () => chatAsks().length === 1);
    for (let at = 1; at < 256; at++) client.send(send(String(at)));
    expect(await client.request(send('over'))).to.include({ code: 'unavailable', retryable: true });
    held.letGo();
    await client.reply('255');
    expect(await client.request(send('after'))).to.include({ type: 'ok' });
  });

  it('closes with 4002 after ten requests without an id, having answered each', async () => {
    const bad = ['nonsense', '[]', 'null', '"x"', '{}', '{"id":""}', '{"id":7,"type":"ping"}'];
    for (const text of [...bad, `{"id":"${'x'.repeat(65)}","type":"ping"}`, '1', '{"type":"ping"}'])
      client.send(text);
    expect((await client.end()).code).to.equal(4002);
    const errors = client.frames.filter(({ type }) => type === 'error');
    expect(errors.length).to.equal(10);
    for (const error of errors) expect(error).to.include({ code: 'invalid' }).and.not.have.property('re');
  });

  it('closes with 4002 after a binary frame', async () => {
    client.ws.send(new Uint8Array([1, 2, 3]));
    expect((await client.end()).code).to.equal(4002);
  });

  it('closes with 4013 after a frame of 64 to 256 KiB; beyond that the socket just ends', async () => {
    const fits = { id: '1', type: 'auth', token: 'x'.repeat(65_536 - 50) };
    expect(await client.request(fits)).to.include({ code: 'invalid' });
    client.send('x'.repeat(65_537));
    expect((await client.end()).code).to.equal(4013);
    const other = await connectReady(test, me);
    other.send('x'.repeat(300_000));
    expect((await other.end()).code).to.equal(1006);
  });

  it('ends a socket that sends bad UTF-8', async () => {
    const socket = raw(test, upgradeHead('/ws'));
    await socket.has('101');
    socket.socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]));
    await socket.gone();
  });

  it('refuses U+0000 and lone surrogates, naming the request', async () => {
    const edit = (id: string, text: string) =>
      `{"id":"${id}","type":"message.edit","chat_id":"${chat}","target":1,"text":"${text}"}`;
    client.send(edit('1', 'a\\u0000'));
    client.send(edit('2', '\\ud800'));
    client.send(edit('3', '\\ud83d\\ude00'));
    expect(await client.reply('1')).to.include({ code: 'invalid', reason: 'bad_text' });
    expect(await client.reply('2')).to.include({ code: 'invalid', reason: 'bad_text' });
    expect(await client.reply('3')).to.include({ type: 'ok' });
    expect(chatAsks()[0]?.commands[0]).to.include({ text: '\u{1f600}' });
  });

  it('takes what was sent before a close', async () => {
    const held = holdFirst();
    client.send(send('1'));
    client.send(send('2'));
    await until('the first ask', () => chatAsks().length === 1);
    client.ws.close();
    await client.end();
    held.letGo();
    await until('the second ask', () => texts().flat().includes('2'));
  });
});

describe('gateway: limits of a connection', () => {
  let test: GatewayTest;
  afterEach(async () => {
    closeClients();
    await test.stop();
  });

  it('refuses what is over the rate, saying when to come back', async () => {
    test = await startGateway({ rates: { frames: { amount: 30, perMs: 1000, burst: 60 } } });
    const client = await connectReady(test, newId());
    for (let at = 0; at < 200; at++) client.send({ id: String(at), type: 'ping' });
    await client.reply('199');
    const refused = client.frames.filter(({ code }) => code === 'rate_limited');
    expect(refused.length).to.be.within(100, 140);
    expect(refused[0]).to.include({ retryable: true }).and.property('retry_after_ms').within(1, 40);
    expect(client.frames.filter(({ re }) => re !== undefined).length).to.equal(200);
  });

  it('closes with 4009 who stays over it for ten seconds', async () => {
    test = await startGateway({ hurry: 10, rates: { frames: { amount: 10, perMs: 1000, burst: 10 } } });
    const client = await connectReady(test, newId());
    let sent = 0;
    const timer = setInterval(() => client.ws.send(JSON.stringify({ id: String(sent++), type: 'ping' })), 1);
    try {
      await until('the close', () => client.closed);
    } finally {
      clearInterval(timer);
    }
    expect(client.closed?.code).to.equal(4009);
  });

  it('shares the rate of messages between the sockets of a login', async () => {
    test = await startGateway({ rates: { messages: { amount: 3, perMs: 60_000, burst: 3 } } });
    const [user, login] = [newId(), newId()];
    const clients = [await connectReady(test, user, login), await connectReady(test, user, login)];
    const other = await connectReady(test, user);
    const codes = [];
    const message = (id: string) => ({
      id,
      type: 'message.send',
      chat_id: newId(),
      client_id: newId(),
      kind: 'text',
      text: 'x',
    });
    for (let at = 0; at < 6; at++) {
      const reply = await clients[at % 2]?.request(message(String(at)));
      codes.push(reply?.code ?? 'ok');
    }
    expect(codes).to.deep.equal(['ok', 'ok', 'ok', 'rate_limited', 'rate_limited', 'rate_limited']);
    expect(await other.request(message('x'))).to.include({ type: 'ok' });
  });
});

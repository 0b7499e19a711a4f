import { expect } from 'chai';
import { privateChatId } from '../../../schemas/chat/private-id.ts';
import { newId } from '../../../schemas/ids.ts';
import { until } from '../../support/until.ts';
import { type Client, connectReady, type Frame, messageFrame } from './clients.ts';
import { chatAsks, type GatewayTest, holdFirst, startGateway } from './support.ts';

describe('gateway: lanes of one connection', () => {
  const me = newId();
  const chat = newId();
  let test: GatewayTest;
  let client: Client;

  beforeEach(async () => {
    test = await startGateway();
    client = await connectReady(test, me);
    test.asked.length = 0;
  });
  afterEach(() => test.stop());

  const send = (id: string, more: Frame = {}) => messageFrame(id, { chat_id: chat, ...more });
  const texts = () => chatAsks(test).map(({ commands }) => commands.map(({ text }) => text));

  it('keeps one call per chat in flight, and sends together what came meanwhile, in order', async () => {
    const held = holdFirst(test);
    client.send(send('1'));
    await until('the first ask', () => chatAsks(test).length === 1);
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
    const held = holdFirst(test);
    test.services['chats.history'] = () => ({ messages: [] });
    client.send(send('1'));
    await until('the first ask', () => chatAsks(test).length === 1);
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
    const held = holdFirst(test);
    client.send(send('1'));
    await until('the first ask', () => chatAsks(test).length === 1);
    expect(await client.request(send('2', { chat_id: newId() }))).to.include({ type: 'ok' });
    held.letGo();
    await client.reply('1');
  });

  it('bounds what one connection has waiting', async () => {
    const held = holdFirst(test);
    client.send(send('0'));
    await until('the first ask', () => chatAsks(test).length === 1);
    for (let at = 1; at < 256; at++) client.send(send(String(at)));
    expect(await client.request(send('over'))).to.include({ code: 'unavailable', retryable: true });
    held.letGo();
    await client.reply('255');
    expect(await client.request(send('after'))).to.include({ type: 'ok' });
  });

  it('takes what was sent before a close', async () => {
    const held = holdFirst(test);
    client.send(send('1'));
    client.send(send('2'));
    await until('the first ask', () => chatAsks(test).length === 1);
    client.ws.close();
    await client.end();
    held.letGo();
    await until('the second ask', () => texts().flat().includes('2'));
  });
});

describe('gateway: requests of one connection to one chat', () => {
  let test: GatewayTest;
  afterEach(() => test.stop());

  it('take effect in their order when the first of them opens the chat', async () => {
    test = await startGateway();
    const [me, other] = [newId(), newId()];
    let exists = false;
    test.services['chats.create'] = () => {
      exists = true;
      return { chat: {}, created: true };
    };
    let letGo = () => {};
    test.actors.answer = async (kind, _, commands) => {
      if (kind !== 'chat') return commands.map(() => ({ reply: {} }));
      const [{ type }] = commands as [{ type: string }];
      if (type === 'typing' && !exists && commands.length === 1)
        await new Promise<void>((resolve) => (letGo = resolve));
      return commands.map(() =>
        exists ? { reply: {} } : { refusal: { code: 'not_found', reason: 'no_chat' } },
      );
    };
    const client = await connectReady(test, me);
    const chat_id = privateChatId(me, other);
    const typing = { type: 'typing', chat_id, active: true };
    client.send({ id: '0', ...typing });
    await until('the first ask', () => test.asked.some(({ kind }) => kind === 'chat'));
    client.send({ id: '1', ...typing });
    client.send({
      id: '2',
      type: 'message.send',
      user_id: other,
      client_id: newId(),
      kind: 'text',
      text: 'x',
    });
    client.send({ id: '3', type: 'read', chat_id, seq: 1 });
    await client.request({ id: 'p', type: 'ping' });
    letGo();
    expect(await client.reply('3')).to.include({ type: 'ok' });
    expect(await client.reply('2')).to.include({ type: 'ok' });
    // What came before the first message found no chat, and that is so.
    expect(await client.reply('1')).to.include({ code: 'not_found' });
    const asks = chatAsks(test).map(({ commands }) => commands);
    expect(asks.at(-1)?.map(({ type }) => type)).to.deep.equal(['message.send', 'read']);
  });

  it('go as one ask when they came together, in the order sent', async () => {
    test = await startGateway();
    const [one, other] = [newId(), newId()];
    const client = await connectReady(test, newId());
    const chats = [one, other, one, one, other];
    for (const [at, chat_id] of chats.entries())
      client.send({ id: String(at), type: 'read', chat_id, seq: at + 1 });
    for (const at of chats.keys()) expect(await client.reply(String(at))).to.include({ type: 'ok' });
    const asks = chatAsks(test);
    expect(asks.map(({ id, commands }) => [id, ...commands.map(({ seq }) => seq)])).to.deep.equal([
      [one, 1, 3, 4],
      [other, 2, 5],
    ]);
  });

  it('are refused as not done when they waited longer than a request may take', async () => {
    test = await startGateway({ hurry: 20, settings: { callTimeout: 60_000 } });
    let letGo = () => {};
    test.actors.answer = async (kind, _, commands) => {
      if (kind !== 'chat') return commands.map(() => ({ reply: {} }));
      await new Promise<void>((resolve) => (letGo = resolve));
      return commands.map(() => ({ reply: {} }));
    };
    const client = await connectReady(test, newId());
    const chat_id = newId();
    const asks = () => chatAsks(test);
    client.send({ id: '1', type: 'typing', chat_id, active: true });
    await until('the first ask', () => asks().length === 1);
    client.send({ id: '2', type: 'typing', chat_id, active: true });
    await client.request({ id: 'p', type: 'ping' });
    const sent = performance.now();
    await until('60 s of its hurried clock', () => performance.now() - sent > 3100);
    client.send({ id: '3', type: 'typing', chat_id, active: false });
    await client.request({ id: 'q', type: 'ping' });
    letGo();
    expect(await client.reply('1')).to.include({ type: 'ok' });
    expect(await client.reply('2')).to.include({ code: 'unavailable', reason: 'too_late', retryable: true });
    await until('the second ask', () => asks().length === 2);
    letGo();
    expect(await client.reply('3')).to.include({ type: 'ok' });
    expect(asks()[1]?.commands).to.have.length(1);
  });
});

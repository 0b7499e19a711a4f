import { expect } from 'chai';
import type { Result } from '../../../actors/client/ask.ts';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { privateChatId } from '../../../schemas/chat/private-id.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { until } from '../../support/until.ts';
import { type Client, closeClients, connectReady } from './clients.ts';
import { type GatewayTest, startGateway } from './support.ts';

describe('gateway: changes of membership that cross', () => {
  const group = newId();
  let test: GatewayTest;
  let members: Set<string>;
  let memberSeq: number;
  /** Asks about memberships that a test lets wait. */
  let held: (() => void)[];
  let holding: boolean;

  beforeEach(async () => {
    members = new Set();
    memberSeq = 3;
    held = [];
    holding = false;
    test = await startGateway();
    test.services['chats.attach'] = (_: object, { user_id = '' }) => ({
      chats: members.has(user_id) ? [{ id: group, member_seq: memberSeq }] : [],
    });
    test.actors.answer = async (kind, _, commands) => {
      if (kind !== 'chat') return commands.map(() => ({ reply: {} }));
      const results: Result[] = commands.map((command) => ({
        reply: { member: members.has((command as { by: string }).by), member_seq: memberSeq },
      }));
      if (holding) await new Promise<void>((letGo) => held.push(letGo));
      return results;
    };
  });
  afterEach(async () => {
    closeClients();
    await test.stop();
  });

  const publish = (text: string, seq: number, more: Partial<Envelope['chat']> = {}) =>
    test.bus.publish(subjects.chat(group), {
      frame: JSON.stringify({ type: 'message.new', text }),
      chat: { id: group, seq, member_seq: memberSeq, ...more },
    });
  const announce = (user: string, member_seq: number) =>
    test.bus.publish(subjects.user(user), {
      frame: JSON.stringify({ type: 'chat.new', text: 'new' }),
      attach: group,
      chat: { id: group, member_seq },
    });
  const texts = ({ frames }: Client) => frames.flatMap(({ text }) => (text === undefined ? [] : [text]));
  const heard = (client: Client, text: string) => until(text, () => texts(client).includes(text));
  async function member(): Promise<Client> {
    const user = newId();
    members.add(user);
    return connectReady(test, user);
  }

  it('tell a client to fetch when its new chat could not be attached at once', async () => {
    const stays = await member();
    const user = newId();
    const client = await connectReady(test, user);
    // He joins at 4, somebody else at 5; `chat.new` comes late, as it waits for the flush.
    members.add(user);
    memberSeq = 5;
    publish('joined', 4, { member_seq: 4 });
    publish('joined, too', 5);
    await heard(stays, 'joined, too');
    holding = true;
    announce(user, 4);
    await until('the ask', () => held.length === 1);
    publish('missed', 6);
    await heard(stays, 'missed');
    held.shift()?.();
    expect(await client.event('resync')).to.include({ chat_id: group });
    publish('next', 7);
    await heard(client, 'next');
    expect(texts(client)).to.deep.equal(['new', 'next']);
  });

  it('do not keep a user attached who came and went while others were asked about', async () => {
    const stays = await member();
    const user = newId();
    const client = await connectReady(test, user);
    holding = true;
    // A change at 5 was missed: who is a member?
    memberSeq = 5;
    publish('six', 6);
    await until('the first ask', () => held.length === 1);
    // Meanwhile he joins at 7, is asked about, and is removed at 8; at 9 somebody else joins.
    members.add(user);
    memberSeq = 7;
    announce(user, 7);
    await until('the second ask', () => held.length === 2);
    held.pop()?.();
    members.delete(user);
    memberSeq = 9;
    publish('removed', 8, { member_seq: 8, removed: [user] });
    publish('nine', 9);
    holding = false;
    held.shift()?.();
    await heard(stays, 'nine');
    publish('secret', 10);
    await heard(stays, 'secret');
    await client.request({ id: '1', type: 'ping' });
    expect(texts(client)).to.deep.equal(['new']);
  });

  it('do not attach a user who is removed while his connection is being attached', async () => {
    const user = newId();
    members.add(user);
    let answer = () => {};
    test.services['chats.attach'] = () =>
      new Promise((resolve) => {
        answer = () => resolve({ chats: [{ id: group, member_seq: 3 }] });
      });
    const connecting = connectReady(test, user);
    await until('the look-up', () => test.called.some(({ action }) => action === 'chats.attach'));
    members.delete(user);
    memberSeq = 4;
    test.bus.publish(subjects.user(user), {
      frame: JSON.stringify({ type: 'chat.gone' }),
      chat: { id: group, member_seq: 4, removed: [user] },
    });
    answer();
    const client = await connecting;
    publish('secret', 5);
    await until('the ask', () => test.asked.some(({ kind }) => kind === 'chat'));
    await client.request({ id: '1', type: 'ping' });
    expect(texts(client)).to.deep.equal([]);
  });
});

describe('gateway: requests of one connection to one chat', () => {
  let test: GatewayTest;
  afterEach(async () => {
    closeClients();
    await test.stop();
  });

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
    const asks = test.asked.filter(({ kind }) => kind === 'chat').map(({ commands }) => commands);
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
    const asks = test.asked.filter(({ kind }) => kind === 'chat');
    expect(asks.map(({ id, commands }) => [id, ...commands.map(({ seq }) => seq)])).to.deep.equal([
      [one, 1, 3, 4],
      [other, 2, 5],
    ]);
  });

  it('are refused as not done when they waited longer than a request may take', async () => {
    test = await startGateway({ hurry: 20, settings: { callTimeout: 2000 } });
    let letGo = () => {};
    test.actors.answer = async (kind, _, commands) => {
      if (kind !== 'chat') return commands.map(() => ({ reply: {} }));
      await new Promise<void>((resolve) => (letGo = resolve));
      return commands.map(() => ({ reply: {} }));
    };
    const client = await connectReady(test, newId());
    const chat_id = newId();
    const asks = () => test.asked.filter(({ kind }) => kind === 'chat');
    client.send({ id: '1', type: 'typing', chat_id, active: true });
    await until('the first ask', () => asks().length === 1);
    client.send({ id: '2', type: 'typing', chat_id, active: true });
    await client.request({ id: 'p', type: 'ping' });
    const sent = performance.now();
    await until('2 s of its hurried clock', () => performance.now() - sent > 120);
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

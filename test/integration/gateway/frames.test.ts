import { expect } from 'chai';
import { privateChatId } from '../../../schemas/chat/private-id.ts';
import { fail } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { until } from '../../support/until.ts';
import { type Client, connectReady, type Frame, messageFrame } from './clients.ts';
import { chatAsks, type GatewayTest, holdFirst, startGateway } from './support.ts';

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
  afterEach(() => test.stop());

  const send = (id: string, more: Frame = {}) => messageFrame(id, { chat_id: chat, ...more });
  const texts = () => chatAsks(test).map(({ commands }) => commands.map(({ text }) => text));

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
      expect(chatAsks(test).at(-1)).to.deep.equal({ kind: 'chat', id: chat, commands: [command] });
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

  it('opens the private chat of a first message, and repeats its sends in order', async () => {
    const other = newId();
    const id = privateChatId(me, other);
    let exists = false;
    const held = holdFirst(test);
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
    await until('the first ask', () => chatAsks(test).length === 1);
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
});

import { expect } from 'chai';
import { fail } from '../../../schemas/errors.ts';
import { until } from '../../support/until.ts';
import { chatId, entry, heard, message, otherChatId, useScene } from './scene.ts';

describe('read marks, typing and presence in the SDK', () => {
  const scene = useScene();
  const marks = (n: number) => (scene.server.peers[n - 1]?.of('read') ?? []).map(({ seq }) => seq);

  it('tells the newest mark only, one at a time', async () => {
    scene.server.answer('read', () => undefined);
    const { client, peer } = await scene.connected();
    for (const seq of [1, 2, 5, 3]) client.read(chatId, seq);
    await until('the first', () => marks(1).length === 1);
    peer.ok(peer.of('read')[0] as never, { read: 1 });
    await until('the newest', () => marks(1).length === 2);
    expect(marks(1)).to.deep.equal([1, 5]);
  });

  it('tells a mark again where a crash cost the server the newest ones', async () => {
    scene.server.answer('sync', () => ({ chats: [entry(9, { read: 2 })], gone: [] }));
    const { client, peer } = await scene.connected();
    client.read(chatId, 7);
    await until('the mark', () => marks(1).length === 1);
    peer.cut();
    await scene.reconnected(client, 2);
    expect(scene.server.peers[1]?.of('sync')[0]?.chats).to.deep.equal({ [chatId]: [9, 7] });
    await until('the mark again', () => marks(2).length === 1);
    expect(marks(2)).to.deep.equal([7]);
  });

  it('tells marks that were set while it was away', async () => {
    const { client, peer } = await scene.connected();
    peer.cut();
    await until('the loss', () => client.status === 'waiting');
    client.read(chatId, 4);
    await scene.reconnected(client, 2);
    await until('the mark', () => marks(2).length === 1);
    expect(marks(2)).to.deep.equal([4]);
  });

  it('takes over what another device has read, and moves its mark by sending', async () => {
    const { client, peer } = await scene.connected();
    const reads = heard(client, 'read');
    peer.send('read', { chat_id: chatId, user_id: scene.server.userId, seq: 6 });
    peer.send('read', { chat_id: chatId, user_id: otherChatId, seq: 8 });
    await until('both', () => reads.length === 2);
    client.read(chatId, 5);
    scene.server.answer('message.send', () => ({
      chat_id: chatId,
      seq: 9,
      created_at: '2026-01-01T00:00:00Z',
    }));
    await client.send({ chat_id: chatId, text: 'a' });
    client.read(chatId, 9);
    await client.request('ping', {});
    expect(marks(1)).to.deep.equal([]);
  });

  it('tries a mark again that was refused for now, and drops one refused for good', async () => {
    const { client } = await scene.connected();
    const problems = heard(client, 'problem');
    scene.server.answer('read', () => {
      throw fail('unavailable', { retry_after_ms: 400 });
    });
    client.read(chatId, 4);
    await until('the pause', () => scene.platform.waits().includes(400));
    scene.server.answer('read', () => {
      throw fail('not_found');
    });
    await scene.platform.clock.advance(400);
    await until('the refusal', () => problems.length === 1);
    expect(marks(1)).to.deep.equal([4, 4]);
  });

  it('ends typing after 6 s, with the message, or when it is told', async () => {
    const { client, peer } = await scene.connected();
    const told: string[] = [];
    client.on('typing', ({ user_id, active }) => told.push(`${user_id.slice(-1)} ${active}`));
    const [a, b] = [message(1).sender_id, message(1).sender_id.replace(/a$/, 'b')] as const;
    const type = (user_id: string, active: boolean) =>
      peer.send('typing', { chat_id: chatId, user_id, active });
    const flushed = () => client.request('ping', {});

    type(a, true);
    await flushed();
    await scene.platform.clock.advance(5_999);
    type(a, true); // still at it
    await flushed();
    await scene.platform.clock.advance(5_999);
    expect(told).to.deep.equal(['a true']);
    await scene.platform.clock.advance(1);
    expect(told).to.deep.equal(['a true', 'a false']);

    type(a, true);
    type(b, true);
    peer.send('message.new', message(1));
    type(b, false);
    type(b, false);
    await flushed();
    expect(told.slice(2)).to.deep.equal(['a true', 'b true', 'a false', 'b false']);
  });

  it('leaves no timer behind when somebody types at the end', async () => {
    const { client, peer } = await scene.connected();
    peer.send('typing', { chat_id: chatId, user_id: otherChatId, active: true });
    await client.request('ping', {});
    expect(scene.platform.waits()).to.include(6_000);
    client.close();
    expect(scene.platform.waits()).to.deep.equal([]);
  });

  it('says that the user types, and forgets it without a connection', async () => {
    const { client, peer } = await scene.connected();
    client.typing(chatId, true);
    await until('the word', () => peer.of('typing').length === 1);
    peer.cut();
    await until('the loss', () => client.status === 'waiting');
    client.typing(chatId, false);
    const second = await scene.reconnected(client, 2);
    expect(second.of('typing')).to.deep.equal([]);
  });

  it('watches the same users on every new connection, and after a resync', async () => {
    let online = true;
    scene.server.answer('presence.watch', ({ user_ids }) => ({
      users: user_ids.map((user_id) => ({ user_id, online, last_seen_at: null })),
    }));
    const { client, peer } = await scene.connected();
    const presences = heard(client, 'presence');
    expect(await client.watchPresence([otherChatId])).to.deep.equal([
      { user_id: otherChatId, online: true, last_seen_at: null },
    ]);
    peer.cut();
    online = false;
    const second = await scene.reconnected(client, 2);
    await until('the news', () => presences.length === 1);
    expect(presences[0]).to.include({ user_id: otherChatId, online: false });
    scene.server.answer('presence.watch', () => {
      throw fail('unavailable', { retry_after_ms: 333 });
    });
    second.send('resync', {});
    await until('the pause', () => scene.platform.waits().includes(333));
    await scene.platform.clock.advance(333);
    await until('the next try', () => second.of('presence.watch').length === 3);
  });
});

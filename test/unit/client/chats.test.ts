import { expect } from 'chai';
import type { Message } from 'suhbat/client';
import { fail } from '../../../schemas/errors.ts';
import { until } from '../../support/until.ts';
import { chat, chatId, entry, heard, message, otherChatId, serveHistory, stream, useScene } from './scene.ts';

describe('the chats that the SDK streams', () => {
  const scene = useScene();

  it('begins a chat at its head, and streams what follows', async () => {
    scene.server.answer('sync', () => ({ chats: [entry(5)], gone: [] }));
    const { client, peer } = await scene.connected();
    const told = stream(client);
    peer.send('message.new', message(5));
    peer.send('message.new', message(6));
    peer.send('message.changed', message(2, 7));
    await until('the change', () => told.length === 2);
    expect(told).to.deep.equal(['message 6', 'changed 2@7']);
    expect(client.held()).to.deep.equal({ [chatId]: { seq: 7, read: 0 } });
    expect(peer.of('history')).to.deep.equal([]);
  });

  it('tells of chats that come and go', async () => {
    scene.server.answer('sync', () => ({ chats: [entry(1)], gone: [] }));
    const { client, peer } = await scene.connected();
    const chats = heard(client, 'chat');
    const gone = heard(client, 'chat_gone');
    const told = stream(client);
    peer.send('chat.new', { chat: chat(otherChatId, 3) });
    peer.send('message.new', message(4, 4, { chat_id: otherChatId }));
    peer.send('chat.gone', { chat_id: chatId });
    peer.send('chat.gone', { chat_id: chatId });
    await until('the chat to be gone', () => gone.length === 1);
    expect(chats.map((one) => one.chat.id)).to.deep.equal([otherChatId]);
    expect(told).to.deep.equal(['message 4']);
    peer.cut();
    scene.server.answer('sync', () => ({ chats: [], gone: [otherChatId] }));
    await scene.reconnected(client, 2);
    expect(gone.map(({ chat_id }) => chat_id)).to.deep.equal([chatId, otherChatId]);
    expect(client.held()).to.deep.equal({});
  });

  it('takes a chat whose history is refused for gone', async () => {
    scene.server.answer('history', () => {
      throw fail('not_found');
    });
    const { client } = await scene.connected();
    const gone = heard(client, 'chat_gone');
    client.follow(chatId, 0);
    await until('the chat to be gone', () => gone.length === 1);
    await client.synced();
  });

  it('streams a new private chat from its first message, also before its chat.new', async () => {
    const all = [1, 2].map((seq) => message(seq, seq, { receiver_id: scene.server.userId }));
    serveHistory(scene.server, () => all);
    const { client, peer } = await scene.connected();
    const told = stream(client);
    peer.send('message.new', all[1] as Message); // the first one's frame is lost
    await until('both', () => told.length === 2);
    peer.send('chat.new', { chat: chat(chatId, 2, 'private') });
    peer.send('message.new', message(3, 3, { receiver_id: scene.server.userId }));
    await until('the third', () => told.length === 3);
    expect(told).to.deep.equal(['message 1', 'message 2', 'message 3']);
  });

  it('streams a new private chat from its first message, even if only its chat.new arrives', async () => {
    serveHistory(scene.server, () => [1, 2].map((seq) => message(seq)));
    const { client, peer } = await scene.connected();
    const told = stream(client);
    peer.send('chat.new', { chat: chat(chatId, 2, 'private') });
    await until('both', () => told.length === 2);
    expect(told).to.deep.equal(['message 1', 'message 2']);
  });

  it('keeps events that overtake the first sync', async () => {
    scene.server.answer('sync', (_, peer) => {
      peer.send('message.new', message(5));
      peer.send('message.new', message(6));
      return { chats: [entry(5)], gone: [] };
    });
    const client = scene.client();
    const told = stream(client);
    await client.synced();
    expect(told).to.deep.equal(['message 6']);
  });

  it('streams a chat whole when it is asked to', async () => {
    const all = [1, 2, 3].map((seq) => message(seq));
    serveHistory(scene.server, () => all);
    scene.server.answer('sync', () => ({ chats: [entry(3)], gone: [] }));
    const { client } = await scene.connected();
    const told = stream(client);
    client.follow(chatId, 0);
    await client.synced();
    expect(told).to.deep.equal(['message 1', 'message 2', 'message 3']);
  });

  it('goes on after what the application holds', async () => {
    const all = [1, 2, 3].map((seq) => message(seq));
    serveHistory(scene.server, () => all);
    scene.server.answer('sync', () => ({ chats: [entry(3, { read: 3 })], gone: [] }));
    const client = scene.client({ held: { [chatId]: { seq: 2, read: 1 } } });
    const told = stream(client);
    await client.synced();
    expect(scene.server.peers[0]?.of('sync')[0]?.chats).to.deep.equal({ [chatId]: [2, 1] });
    expect(told).to.deep.equal(['message 3']);
    expect(client.held()).to.deep.equal({ [chatId]: { seq: 3, read: 3 } });
  });
});

import { expect } from 'chai';
import type { Message } from 'suhbat/client';
import { fail } from '../../../schemas/errors.ts';
import { until } from '../../support/until.ts';
import { chatId, entry, heard, message, otherChatId, serveHistory, stream, useScene } from './scene.ts';

describe('the SDK catches up', () => {
  const scene = useScene();
  const histories = (n: number) => (scene.server.peers[n - 1]?.of('history') ?? []).map(({ after }) => after);

  it('fetches what is missing when a seq is skipped, and keeps the order', async () => {
    const all = [1, 2, 3, 4, 5].map((seq) => message(seq));
    scene.server.answer('sync', () => ({ chats: [entry(1)], gone: [] }));
    const { client, peer } = await scene.connected();
    const told = stream(client);
    peer.send('message.new', message(4));
    await until('the question', () => histories(1).length === 1);
    peer.send('message.new', message(5));
    peer.send('message.new', message(4));
    peer.ok(peer.of('history')[0] as never, { messages: all.slice(1, 4), head: 4, has_more: false });
    await until('all', () => told.length === 4);
    expect(told).to.deep.equal(['message 2', 'message 3', 'message 4', 'message 5']);
    expect(histories(1)).to.deep.equal([1]);
  });

  it('asks for every chat that moved while it was away, page by page', async () => {
    const all: Message[] = [1, 2, 3].map((seq) => message(seq));
    serveHistory(scene.server, () => all, { size: 2 });
    scene.server.answer('sync', ({ chats = {} }) =>
      chats[chatId]?.[0] === all.length ? { chats: [], gone: [] } : { chats: [entry(all.length)], gone: [] },
    );
    const { client, peer } = await scene.connected();
    const told = stream(client);
    peer.cut();
    for (const seq of [4, 5, 6, 7, 8]) all.push(message(seq));
    const second = await scene.reconnected(client, 2);
    expect(second.of('sync')[0]?.chats).to.deep.equal({ [chatId]: [3, 0] });
    expect(told).to.deep.equal([4, 5, 6, 7, 8].map((seq) => `message ${seq}`));
    expect(histories(2)).to.deep.equal([3, 5, 7]);
  });

  it('keeps live events of a chat until its repair is done, and asks no page twice after a break', async () => {
    const all: Message[] = [message(1)];
    scene.server.answer('sync', () => ({ chats: [entry(all.length)], gone: [] }));
    const { client, peer } = await scene.connected();
    const told = stream(client);
    peer.cut();
    for (let seq = 2; seq <= 6; seq++) all.push(message(seq));
    scene.server.answer('history', ({ after = 0 }, late) => {
      if (after >= 3) {
        late.cut();
        return undefined;
      }
      late.send('message.new', message(7)); // beyond what this page knows
      return { messages: all.filter(({ seq }) => seq > after && seq <= after + 2), head: 6, has_more: true };
    });
    await scene.connection(client, 2);
    await until('the second break', () => histories(2).length === 2);
    expect(told).to.deep.equal([]);
    all.push(message(7));
    serveHistory(scene.server, () => all);
    await scene.reconnected(client, 3);
    expect(told).to.deep.equal([2, 3, 4, 5, 6, 7].map((seq) => `message ${seq}`));
    expect(histories(3)[0]).to.equal(3);
  });

  it('repairs a few chats at a time, each in its own order', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `01900000-0000-7000-8000-0000000001${10 + n}`);
    const heads = () => ids.map((id) => entry(3, { id }));
    const held = Object.fromEntries(ids.map((id) => [id, { seq: 0, read: 0 }]));
    const waiting: { id: string; chat_id: string }[] = [];
    scene.server.answer('sync', () => ({ chats: heads(), gone: [] }));
    scene.server.answer('history', () => undefined);
    const client = scene.client({ held });
    const told = heard(client, 'message');
    const peer = await scene.server.connection(1);
    for (let answered = 0; answered < ids.length; answered++) {
      await until('the next question', () => peer.of('history').length > answered);
      waiting.splice(0, waiting.length, ...(peer.of('history') as never[]));
      expect(waiting.length - answered).to.be.at.most(4);
      const { id, chat_id } = waiting[answered] as { id: string; chat_id: string };
      const messages = [1, 2, 3].map((seq) => message(seq, seq, { chat_id }));
      peer.ok({ id, type: 'history' }, { messages, head: 3, has_more: false });
    }
    await client.synced();
    for (const id of ids)
      expect(told.filter(({ chat_id }) => chat_id === id).map(({ seq }) => seq)).to.deep.equal([1, 2, 3]);
  });

  it('repeats a repair that is refused for now, as late as it is told', async () => {
    scene.server.answer('history', () => {
      throw fail('rate_limited', { retry_after_ms: 800 });
    });
    const client = scene.client({ held: { [chatId]: { seq: 0, read: 0 } } });
    const told = stream(client);
    scene.server.answer('sync', () => ({ chats: [entry(1)], gone: [] }));
    await until('the pause', () => scene.platform.waits().includes(800));
    serveHistory(scene.server, () => [message(1)]);
    await scene.platform.clock.advance(800);
    await client.synced();
    expect(told).to.deep.equal(['message 1']);
  });

  it('repeats a sync that fails', async () => {
    scene.server.answer('sync', () => {
      throw fail('unavailable', { retry_after_ms: 600 });
    });
    const client = scene.client();
    await until('the pause', () => scene.platform.waits().includes(600));
    scene.server.answer('sync', () => ({ chats: [entry(1)], gone: [] }));
    await scene.platform.clock.advance(600);
    await client.synced();
    expect(client.held()).to.deep.equal({ [chatId]: { seq: 1, read: 0 } });
  });

  it('asks again on resync: for one chat its history, for all of them sync', async () => {
    const all = [message(1)];
    serveHistory(scene.server, () => all);
    scene.server.answer('sync', () => ({ chats: [entry(all.length)], gone: [] }));
    const { client, peer } = await scene.connected();
    const told = stream(client);
    all.push(message(2)); // its frame was lost, and so will be the next one
    peer.send('resync', { chat_id: chatId });
    await until('the second', () => told.length === 1);
    expect(peer.of('sync')).to.have.length(1);
    all.push(message(3));
    peer.send('resync', {});
    await until('the third', () => told.length === 2);
    expect(peer.of('sync')).to.have.length(2);
    expect(told).to.deep.equal(['message 2', 'message 3']);
  });

  it('asks once more when resync comes while an answer is under way', async () => {
    scene.server.answer('sync', () => undefined);
    const client = scene.client();
    const peer = await scene.server.connection(1);
    await until('the first sync', () => peer.of('sync').length === 1);
    for (let n = 0; n < 3; n++) peer.send('resync', {});
    peer.send('presence', { user_id: chatId, online: true, last_seen_at: null });
    const seen = heard(client, 'presence');
    await until('the resyncs', () => seen.length === 1);
    scene.server.answer('sync', () => ({ chats: [], gone: [] }));
    peer.ok(peer.of('sync')[0] as never, { chats: [], gone: [] });
    await client.synced();
    expect(peer.of('sync')).to.have.length(2);

    scene.server.answer('history', () => undefined);
    client.follow(chatId, 0);
    await until('the repair', () => peer.of('history').length === 1);
    peer.send('resync', { chat_id: chatId });
    peer.send('presence', { user_id: chatId, online: true, last_seen_at: null });
    await until('the resync', () => seen.length === 2);
    serveHistory(scene.server, () => [message(1)]);
    peer.ok(peer.of('history')[0] as never, { messages: [], head: 0, has_more: false });
    await client.synced();
    expect(histories(1)).to.deep.equal([0, 0]);
    expect(client.held()[chatId]?.seq).to.equal(1);
  });

  it('drops its copy of a chat that the server holds less of, and says so', async () => {
    scene.server.answer('sync', () => ({ chats: [entry(4)], gone: [] }));
    serveHistory(scene.server, () => [], { head: () => 4 });
    const client = scene.client({ held: { [chatId]: { seq: 9, read: 0 } } });
    const told = stream(client);
    await client.synced();
    expect(told).to.deep.equal(['reset 4']);
    scene.server.peers[0]?.send('message.new', message(5));
    await until('the next', () => told.length === 2);
    expect(told[1]).to.equal('message 5');
  });

  it('notices a smaller head in a history, too', async () => {
    scene.server.answer('sync', () => ({ chats: [entry(9)], gone: [] }));
    serveHistory(scene.server, () => [], { head: () => 4 });
    const { client, peer } = await scene.connected();
    const told = stream(client);
    peer.send('resync', { chat_id: chatId });
    await until('the reset', () => told.length === 1);
    expect(told).to.deep.equal(['reset 4']);
  });

  it('does not mistake an answer that is older than an event for a smaller head', async () => {
    scene.server.answer('sync', (_, peer) => {
      if (peer.of('sync').length === 2) peer.send('message.new', message(6));
      return { chats: [entry(5)], gone: [] };
    });
    const { client, peer } = await scene.connected();
    const told = stream(client);
    peer.send('resync', {});
    await until('the second sync', () => peer.of('sync').length === 2);
    await client.synced();
    await client.request('ping', {});
    expect(told).to.deep.equal(['message 6']);
  });

  it('resets a chat that is too far behind, instead of fetching all of it', async () => {
    const all = Array.from({ length: 30 }, (_, n) => message(n + 1));
    serveHistory(scene.server, () => all, { size: 10 });
    scene.server.answer('sync', () => ({ chats: [entry(30)], gone: [] }));
    const client = scene.client({
      held: { [chatId]: { seq: 0, read: 0 } },
      settings: { repairLimit: 15 },
    });
    const told = stream(client);
    await client.synced();
    expect(told).to.deep.equal(['reset 30']);
    expect(histories(1)).to.deep.equal([0, 10, 30]);
  });

  it('reads sync to its last page', async () => {
    const ids = [chatId, otherChatId];
    scene.server.answer('sync', ({ cursor }) =>
      cursor === undefined
        ? { chats: [entry(1, { id: ids[0] as string })], gone: [], next_cursor: 'next' }
        : { chats: [entry(2, { id: ids[1] as string })], gone: [] },
    );
    const { client, peer } = await scene.connected();
    expect(Object.keys(client.held())).to.have.members(ids);
    expect(peer.of('sync').map(({ cursor }) => cursor)).to.deep.equal([undefined, 'next']);
    expect((await client.chats()).map(({ head }) => head)).to.deep.equal([1, 2]);
  });

  it('names as many chats as fit a frame, and misses none of the others', async () => {
    const ids = Array.from({ length: 1000 }, (_, n) => `01900000-0000-7000-8000-${`${n}`.padStart(12, '0')}`);
    const held = Object.fromEntries(ids.map((id) => [id, { seq: Number.MAX_SAFE_INTEGER, read: 9e15 }]));
    scene.server.answer('sync', ({ chats = {} }) => ({
      chats: ids
        .filter((id) => !(id in chats) && id !== ids[999])
        .map((id) => entry(Number.MAX_SAFE_INTEGER, { id, read: 9e15 })),
      gone: [],
    }));
    const { client, peer } = await scene.connected({ held });
    expect(Object.keys(peer.of('sync')[0]?.chats as object)).to.have.length(800);
    expect(Object.keys(client.held())).to.deep.equal(ids.slice(0, 999));
  });
});

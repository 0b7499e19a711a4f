import { expect } from 'chai';
import { memoryStorage, type OutboxStorage, type SendReceipt } from 'suhbat/client';
import { fail } from '../../../schemas/errors.ts';
import { isUuidV7 } from '../../../schemas/ids.ts';
import { until } from '../../support/until.ts';
import { chatId, heard, otherChatId, rejection, useScene } from './scene.ts';

describe('the outbox of the SDK', () => {
  const scene = useScene();

  /** Acks every send with the chat's next seq; tells the texts in the order they were taken. */
  function ackAll(): string[] {
    const taken: string[] = [];
    const seqs = new Map<string, SendReceipt>();
    scene.server.answer('message.send', ({ client_id, chat_id = chatId, text }) => {
      const known = seqs.get(client_id);
      if (known !== undefined) return known;
      taken.push(text);
      const ack = { client_id, chat_id, seq: taken.length, created_at: '2026-01-01T00:00:00.000Z' };
      seqs.set(client_id, ack);
      return ack;
    });
    return taken;
  }

  const sends = (n: number) => scene.server.peers[n - 1]?.of('message.send') ?? [];

  it('acks each message with its seq, under a client_id that grows', async () => {
    ackAll();
    const { client } = await scene.connected();
    const acks = await Promise.all([1, 2, 3].map((n) => client.send({ chat_id: chatId, text: `text ${n}` })));
    expect(acks.map(({ seq }) => seq)).to.deep.equal([1, 2, 3]);
    const ids = acks.map(({ client_id }) => client_id);
    expect(ids.every(isUuidV7)).to.equal(true);
    expect(ids).to.deep.equal([...ids].sort());
    expect(client.unsent).to.equal(0);
  });

  it('sends before there is a connection, and in order', async () => {
    const taken = ackAll();
    const client = scene.client();
    await Promise.all(['a', 'b', 'c'].map((text) => client.send({ chat_id: chatId, text })));
    expect(taken).to.deep.equal(['a', 'b', 'c']);
  });

  it('repeats what was not acked after a reconnect, in order and with the same client_ids', async () => {
    const { client, peer } = await scene.connected();
    const acked = ['a', 'b', 'c'].map((text) => client.send({ chat_id: chatId, text }));
    await until('the first send', () => peer.of('message.send').length === 1);
    const taken = ackAll();
    peer.cut(); // the first one may have been taken: its ack is lost
    const second = await scene.reconnected(client, 2);
    await Promise.all(acked);
    expect(taken).to.deep.equal(['a', 'b', 'c']);
    expect(second.of('message.send')[0]?.client_id).to.equal(sends(1)[0]?.client_id);
    const ids = [...sends(1), ...sends(2)].map(({ client_id }) => client_id);
    expect(new Set(ids).size).to.equal(3);
  });

  it('keeps one client_id over many lost connections', async () => {
    scene.server.answer('message.send', (_, peer) => void peer.cut());
    const { client } = await scene.connected();
    const acked = client.send({ chat_id: chatId, text: 'a' });
    for (const n of [2, 3, 4]) {
      await scene.connection(client, n);
      await until(`send ${n}`, () => sends(n).length === 1);
    }
    const taken = ackAll();
    await scene.reconnected(client, 5);
    await acked;
    expect(taken).to.deep.equal(['a']);
    const ids = scene.server.peers.flatMap((peer) => peer.of('message.send').map((frame) => frame.client_id));
    expect(ids).to.have.length(5);
    expect(new Set(ids).size).to.equal(1);
  });

  it('holds a chat back while its first message is refused for now: nothing passes it', async () => {
    const { client, peer } = await scene.connected();
    scene.server.answer('message.send', () => {
      throw fail('unavailable', { retry_after_ms: 700 });
    });
    const acked = Promise.all(['a', 'b'].map((text) => client.send({ chat_id: chatId, text })));
    await until('the pause', () => scene.platform.waits().includes(700));
    expect(peer.of('message.send')).to.have.length(1);
    const taken = ackAll();
    await scene.platform.clock.advance(700);
    await acked;
    expect(taken).to.deep.equal(['a', 'b']);
    expect(new Set(peer.of('message.send').map((frame) => frame.client_id)).size).to.equal(2);
  });

  it('does not hold other chats back', async () => {
    const { client } = await scene.connected();
    scene.server.answer('message.send', ({ chat_id }) => {
      if (chat_id === chatId) throw fail('actor_moved');
      return { chat_id: otherChatId, seq: 1, created_at: '2026-01-01T00:00:00.000Z' };
    });
    const stuck = client.send({ chat_id: chatId, text: 'a' });
    expect(await client.send({ chat_id: otherChatId, text: 'b' })).to.include({ seq: 1 });
    client.close();
    expect(await rejection(stuck)).to.include({ code: 'timeout' });
  });

  it('pauses every chat while the connection is over its rate', async () => {
    const { client, peer } = await scene.connected();
    scene.server.answer('message.send', () => {
      throw fail('rate_limited', { retry_after_ms: 900 });
    });
    const first = client.send({ chat_id: chatId, text: 'a' });
    await until('the refusal', () => scene.platform.waits().includes(900));
    const second = client.send({ chat_id: otherChatId, text: 'b' });
    await client.request('ping', {});
    expect(peer.of('message.send')).to.have.length(1);
    ackAll();
    await scene.platform.clock.advance(900);
    await Promise.all([first, second]);
  });

  it('repeats a send of unknown outcome with the same client_id', async () => {
    const { client, peer } = await scene.connected();
    scene.server.answer('message.send', () => {
      throw fail('timeout');
    });
    const acked = client.send({ chat_id: chatId, text: 'a' });
    await until('the refusal', () => scene.platform.waits().includes(250));
    scene.server.answer('message.send', () => undefined);
    await scene.platform.clock.advance(250);
    await until('the second try', () => peer.of('message.send').length === 2);
    await scene.platform.clock.advance(10_000); // no answer at all, on a connection that lives
    const taken = ackAll();
    await scene.platform.clock.advance(500);
    await acked;
    expect(taken).to.deep.equal(['a']);
    expect(new Set(peer.of('message.send').map((frame) => frame.client_id)).size).to.equal(1);
  });

  it('rejects a send that is refused for good, and goes on with the next', async () => {
    const { client } = await scene.connected();
    scene.server.answer('message.send', ({ text }) => {
      if (text === 'bad') throw fail('forbidden', { reason: 'blocked' });
      return { chat_id: chatId, seq: 1, created_at: '2026-01-01T00:00:00.000Z' };
    });
    const failures = heard(client, 'send_failed');
    const sent = heard(client, 'sent');
    const bad = client.send({ chat_id: chatId, text: 'bad', client_id: client.newId() });
    const good = client.send({ chat_id: chatId, text: 'good' });
    expect(await rejection(bad)).to.include({ code: 'forbidden', reason: 'blocked' });
    expect(await good).to.include({ seq: 1 });
    expect(failures.map(({ error }) => error.code)).to.deep.equal(['forbidden']);
    expect(sent).to.have.length(1);
  });

  it('keeps the order where a private chat is named by its user first, and by its id later', async () => {
    const userId = '01900000-0000-7000-8000-0000000000bb';
    const { client, peer } = await scene.connected();
    scene.server.answer('message.send', () => undefined);
    const first = client.send({ user_id: userId, text: 'a' });
    const second = client.send({ user_id: userId, text: 'b' });
    await until('the first', () => peer.of('message.send').length === 1);
    const ack = { chat_id: chatId, seq: 1, created_at: '2026-01-01T00:00:00.000Z' };
    const answer = (n: number) => peer.ok(peer.of('message.send')[n] as never, { ...ack, seq: n + 1 });
    answer(0);
    await first;
    const third = client.send({ chat_id: chatId, text: 'c' });
    await client.request('ping', {});
    expect(peer.of('message.send').map(({ text }) => text)).to.deep.equal(['a', 'b']);
    answer(1);
    await second;
    await until('the third', () => peer.of('message.send').length === 3);
    answer(2);
    expect(await third).to.include({ seq: 3 });
  });

  it('joins a repeated send of the same client_id', async () => {
    const taken = ackAll();
    const { client } = await scene.connected();
    const client_id = client.newId();
    const twice = [1, 2].map(() => client.send({ chat_id: chatId, text: 'a', client_id }));
    const [one, other] = await Promise.all(twice);
    expect(one).to.deep.equal(other);
    expect(taken).to.deep.equal(['a']);
  });

  it('is bounded', async () => {
    const client = scene.client({ settings: { outboxSize: 2 } });
    const waiting = [1, 2].map(() => rejection(client.send({ chat_id: chatId, text: 'a' })));
    const third = await rejection(client.send({ chat_id: chatId, text: 'a' }));
    expect(third).to.include({ code: 'unavailable', reason: 'outbox_full' });
    client.close();
    expect(await waiting[0]).to.include({ code: 'unavailable', reason: 'closed' });
    expect(await rejection(client.send({ chat_id: chatId, text: 'a' }))).to.include({ reason: 'closed' });
  });

  it('sends what an earlier run left, first and with its client_id, and forgets what is acked', async () => {
    const storage = memoryStorage();
    const before = scene.client({ storage });
    const left = rejection(before.send({ chat_id: chatId, text: 'left' }));
    await until('the storage to have it', () => before.unsent === 1);
    before.close();
    await left;
    const [kept] = await storage.load();
    expect(kept).to.include({ chat_id: chatId, text: 'left' });

    const taken = ackAll();
    const client = scene.client({ storage });
    const sent = heard(client, 'sent');
    await client.send({ chat_id: chatId, text: 'new' });
    expect(taken).to.deep.equal(['left', 'new']);
    expect(sent[0]?.client_id).to.equal(kept?.client_id);
    expect(await storage.load()).to.deep.equal([]);
  });

  it('sends nothing that is not kept', async () => {
    const taken = ackAll();
    let keep = () => {};
    const storage: OutboxStorage = {
      ...memoryStorage(),
      put: async (send) => {
        if (send.text === 'bad') throw new Error('disk full');
        if (send.text === 'slow')
          await new Promise<void>((resolve) => {
            keep = resolve;
          });
      },
    };
    const { client } = await scene.connected({ storage });
    const slow = client.send({ chat_id: chatId, text: 'slow' });
    const bad = client.send({ chat_id: chatId, text: 'bad' });
    expect(await rejection(bad)).to.include({ code: 'unavailable', reason: 'outbox_storage' });
    await client.send({ chat_id: otherChatId, text: 'quick' });
    expect(taken).to.deep.equal(['quick']);
    keep();
    await slow;
    expect(taken).to.deep.equal(['quick', 'slow']);
  });

  it("makes ids by the server's clock, which would have to look up ids of its future", async () => {
    const { client } = await scene.connected({
      platform: { ...scene.platform, now: () => scene.platform.now() + 3_600_000 },
    });
    const time = Number.parseInt(client.newId().replaceAll('-', '').slice(0, 12), 16);
    expect(time).to.be.at.most(scene.platform.now() + 1000);
  });
});

import { expect } from 'chai';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { connectReady, heard, texts } from './clients.ts';
import { chatAsks, type GatewayTest, startGateway } from './support.ts';
import { serveChats, TestChat } from './test-chat.ts';

describe('gateway: fan-out', () => {
  let group: TestChat;
  let test: GatewayTest;

  beforeEach(async () => {
    group = new TestChat();
    test = await startGateway();
    serveChats(test, [group]);
  });
  afterEach(() => test.stop());

  const frame = (text: string, type = 'message.new') => JSON.stringify({ type, text });
  const publish = (text: string, seq: number, more?: Partial<Envelope['chat']>) =>
    test.bus.publish(subjects.chat(group.id), group.message(text, seq, more));

  it('brings frames of a user to all of his connections, and of a group to its members', async () => {
    const one = await group.member(test);
    const again = await connectReady(test, one.user);
    const two = await group.member(test);
    const stranger = await connectReady(test, newId());
    test.bus.publish(subjects.user(one.user), { frame: frame('private') });
    publish('group', 4);
    for (const client of [one.client, again]) {
      await heard(client, 'group');
      expect(texts(client)).to.deep.equal(['private', 'group']);
    }
    await heard(two.client, 'group');
    await stranger.request({ id: '1', type: 'ping' });
    expect(texts(two.client)).to.deep.equal(['group']);
    expect(texts(stranger)).to.deep.equal([]);
    expect(chatAsks(test)).to.deep.equal([]);
  });

  it('misses nothing that is published after `ready`', async () => {
    const user = newId();
    group.members.add(user);
    for (let round = 0; round < 20; round++) {
      const client = await connectReady(test, user);
      publish(`after ${round}`, 10 + round);
      await heard(client, `after ${round}`);
      client.ws.close();
      await client.end();
    }
  });

  it('holds a subject only while a connection wants it', async () => {
    const { user, client } = await group.member(test);
    const again = await connectReady(test, user);
    await client.request({ id: '1', type: 'presence.watch', user_ids: [newId(), newId()] });
    const held = async () => {
      const text = await (await fetch(`${test.base}/metrics`)).text();
      return Number(/suhbat_fanout_subscriptions (\d+)/.exec(text)?.[1]);
    };
    const settles = async (count: number) => {
      for (let tries = 0; (await held()) !== count; tries++) {
        if (tries > 400) throw new Error(`held ${await held()}, not ${count}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await settles(4);
    client.ws.close();
    await settles(2);
    again.ws.close();
    await settles(0);
  });

  it('detaches whoever a frame removes before it goes out; he hears nothing more', async () => {
    const stays = await group.member(test);
    const leaves = await group.member(test);
    publish('before', 4);
    group.memberSeq = 5;
    group.members.delete(leaves.user);
    publish('removal', 5, { removed: [leaves.user] });
    test.bus.publish(subjects.user(leaves.user), {
      frame: frame('gone', 'chat.gone'),
      chat: { id: group.id, member_seq: 5, removed: [leaves.user] },
    });
    publish('after', 6);
    await heard(stays.client, 'after');
    await heard(leaves.client, 'gone');
    await leaves.client.request({ id: '1', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal(['before', 'gone']);
    expect(texts(stays.client)).to.deep.equal(['before', 'removal', 'after']);
    expect(chatAsks(test)).to.deep.equal([]);
  });

  it('attaches a new member before `chat.new` goes out, open sockets included', async () => {
    const user = newId();
    const client = await connectReady(test, user);
    group.members.add(user);
    test.bus.publish(subjects.user(user), {
      frame: frame('new', 'chat.new'),
      attach: group.id,
      chat: { id: group.id, member_seq: 3 },
    });
    publish('first', 4);
    await heard(client, 'first');
    expect(texts(client)).to.deep.equal(['new', 'first']);
  });

  it('asks the owner where it has missed a membership change, before it delivers further', async () => {
    const stays = await group.member(test);
    const leaves = await group.member(test);
    publish('before', 4);
    group.memberSeq = 5;
    group.members.delete(leaves.user);
    // The removal at 5 is lost on its way.
    publish('after', 6);
    publish('more', 7);
    await heard(stays.client, 'more');
    await leaves.client.request({ id: '1', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal(['before']);
    expect(texts(stays.client)).to.deep.equal(['before', 'after', 'more']);
    expect(chatAsks(test).length).to.equal(1);
  });

  it('asks also where a later change hides the one that was missed', async () => {
    const stays = await group.member(test);
    const leaves = await group.member(test);
    group.members.delete(leaves.user);
    group.memberSeq = 6;
    // Lost: the removal at 4, and 5. The change at 6 is its own.
    publish('somebody joined', 6);
    await heard(stays.client, 'somebody joined');
    await leaves.client.request({ id: '1', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal([]);
  });

  it('asks before it attaches a user on the word of a list older than what it has seen', async () => {
    const stays = await group.member(test);
    const user = newId();
    publish('change', 4, { member_seq: 4 });
    await heard(stays.client, 'change');
    group.memberSeq = 4;
    const list = test.services['chats.attach'];
    test.services['chats.attach'] = (params: never, meta) =>
      meta.user_id === user ? { chats: [{ id: group.id, member_seq: 3 }] } : list?.(params, meta);
    const client = await connectReady(test, user);
    publish('secret', 5);
    await heard(stays.client, 'secret');
    await client.request({ id: '1', type: 'ping' });
    expect(texts(client)).to.deep.equal([]);
  });

  it('delivers nothing to a user whose membership nobody can confirm until somebody can', async () => {
    const { client } = await group.member(test);
    const answer = test.actors.answer;
    let asked = 0;
    test.actors.answer = (kind, id, commands) =>
      kind === 'chat' && ++asked < 3
        ? commands.map(() => ({ refusal: { code: 'unavailable' } }))
        : answer(kind, id, commands);
    group.memberSeq = 5;
    publish('after', 6);
    await client.request({ id: '1', type: 'ping' });
    expect(texts(client)).to.deep.equal([]);
    await heard(client, 'after');
    expect(asked).to.equal(3);
  });

  it('ignores the replay of an old removal', async () => {
    const { user, client } = await group.member(test);
    publish('old removal', 2, { member_seq: 2, removed: [user] });
    publish('next', 4);
    await heard(client, 'next');
  });
});

import { expect } from 'chai';
import { hearNothing, refused } from '../support/expected.ts';
import { useProduct } from '../support/program.ts';
import { newGroup, newPeople, newPrivate } from '../support/users.ts';
import { message } from './cases.ts';

describe('read', () => {
  useProduct();

  for (const kind of ['group', 'private'] as const)
    it(`moves forward only, never past the head, and is told to every device (${kind})`, async () => {
      const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
      const { id: chat_id } = kind === 'group' ? await newGroup(ann, bob) : await newPrivate(ann, bob);
      const phone = await (await bob.again()).open();
      for (let sent = 0; sent < 3; sent++) await ann.socket.request('message.send', message(chat_id));
      const { head } = await bob.socket.request('history', { chat_id, limit: 1 });
      await hearNothing([eve], async () => {
        const seq = head - 1;
        expect(await bob.socket.request('read', { chat_id, seq })).to.deep.equal({ read: seq });
        for (const socket of [ann.socket, bob.socket, phone])
          expect(await socket.event('read')).to.deep.equal({ type: 'read', chat_id, user_id: bob.id, seq });
      });
      const { socket } = bob;
      await hearNothing([ann, bob, eve], async () => {
        for (const seq of [0, 1, head - 2, head - 1])
          expect(await socket.request('read', { chat_id, seq })).to.deep.equal({ read: head - 1 });
      });
      expect(await socket.request('read', { chat_id, seq: 2 ** 40 })).to.deep.equal({ read: head });
      await ann.socket.event('read', { chat_id, seq: head });
      await hearNothing([ann], async () => {
        expect(await socket.request('read', { chat_id, seq: head })).to.deep.equal({ read: head });
      });
    });

  it('is shown as the peer’s in private chats, and by members', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newPrivate(ann, bob);
    const { seq } = await ann.socket.request('message.send', message(chat_id));
    const peerRead = async () => (await ann.socket.request('sync', {})).chats[0]?.peer_read;
    expect(await peerRead()).to.equal(1);
    await bob.socket.request('read', { chat_id, seq });
    expect(await peerRead()).to.equal(seq);
    const { members } = await ann.socket.request('chat.get', { chat_id });
    expect(members.map(({ read }) => read)).to.deep.equal([seq, seq]);
  });

  it('moves with what one sends', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    await ann.socket.request('message.send', message(chat_id));
    const { seq } = await bob.socket.request('message.send', message(chat_id));
    expect(await bob.socket.request('read', { chat_id, seq: 0 })).to.deep.equal({ read: seq });
  });
});

describe('typing', () => {
  useProduct();

  for (const kind of ['group', 'private'] as const)
    it(`is told to the members alone, as it begins and as it ends (${kind})`, async () => {
      const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
      const { id: chat_id } = kind === 'group' ? await newGroup(ann, bob) : await newPrivate(ann, bob);
      await hearNothing([eve], async () => {
        for (const active of [true, false]) {
          expect(await ann.socket.request('typing', { chat_id, active })).to.deep.equal({});
          const told = await bob.socket.event('typing', { chat_id, active });
          expect(told).to.deep.equal({ type: 'typing', chat_id, user_id: ann.id, active });
        }
      });
    });

  it('is no part of the history, and refused to who is not in the chat', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    const { id: chat_id } = await newGroup(ann, bob);
    await ann.socket.request('typing', { chat_id, active: true });
    await refused(eve.socket.refusal('typing', { chat_id, active: true }), 'not_found', 'no_chat');
    expect(await ann.socket.request('history', { chat_id })).to.include({ head: 2 });
  });
});

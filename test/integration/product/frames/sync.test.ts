import { expect } from 'chai';
import type { ChatEntry } from '../../../../schemas/chat/wire.ts';
import { newId } from '../../../../schemas/ids.ts';
import { refused } from '../support/expected.ts';
import { useProduct } from '../support/program.ts';
import { newGroup, newPeople, newPrivate, type Person } from '../support/users.ts';
import { message } from './cases.ts';

const ids = (chats: readonly ChatEntry[]) => chats.map(({ chat }) => chat.id);

function held(chats: readonly ChatEntry[]): Record<string, [number, number]> {
  return Object.fromEntries(chats.map(({ chat, head, read }) => [chat.id, [head, read]]));
}

describe('sync', () => {
  useProduct();

  it('shows each chat as it is for the caller, newest activity first', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    const pair = await newPrivate(ann, bob);
    const group = await newGroup(ann, bob);
    await newGroup(bob, eve);
    const text = message(pair.id);
    const sent = await bob.socket.request('message.send', text);
    await bob.socket.request('message.send', message(group.id));
    await bob.socket.request('message.send', message(group.id));
    const { seq } = await ann.socket.request('message.send', message(pair.id));
    const { chats, gone, ...rest } = await ann.socket.request('sync', {});
    expect({ gone, rest }).to.deep.equal({ gone: [], rest: {} });
    const [first, second] = chats;
    expect(ids(chats)).to.deep.equal([pair.id, group.id]);
    expect(first).to.deep.equal({
      chat: { ...pair, head: 3 },
      head: 3,
      read: 3,
      peer_read: sent.seq,
      unread: 0,
      last_message: first?.last_message,
    });
    expect(first?.last_message).to.include({ seq, sender_id: ann.id, receiver_id: bob.id });
    expect(second).to.deep.equal({
      chat: { ...group, head: 4 },
      head: 4,
      read: 1,
      unread: 2,
      last_message: second?.last_message,
    });
    const { chats: theirs } = await eve.socket.request('sync', {});
    expect(theirs.map(({ chat }) => chat.members_count)).to.deep.equal([2]);
    expect(theirs[0]?.unread).to.equal(0);
  });

  it('tells only what differs in head or read mark, or was not sent', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const made = [await newGroup(ann, bob), await newGroup(ann, bob), await newGroup(ann, bob)];
    const [one = '', two = '', three = ''] = ids([...made].map((chat) => ({ chat }) as ChatEntry));
    const all = (await ann.socket.request('sync', {})).chats;
    const nothing = await ann.socket.request('sync', { chats: held(all) });
    expect(nothing).to.deep.equal({ chats: [], gone: [] });
    await bob.socket.request('message.send', message(two));
    await ann.socket.request('read', { chat_id: three, seq: 2 });
    const changed = await ann.socket.request('sync', { chats: held(all) });
    expect(ids(changed.chats)).to.have.members([two, three]);
    const { [one]: _, ...without } = held(all);
    const unsent = await ann.socket.request('sync', { chats: without });
    expect(ids(unsent.chats)).to.have.members([one, two, three]);
    const ahead = await ann.socket.request('sync', { chats: { ...held(all), [one]: [99, 1] } });
    expect(ids(ahead.chats)).to.include(one);
    const upper = Object.fromEntries(
      Object.entries(held(all)).map(([id, marks]) => [id.toUpperCase(), marks]),
    );
    expect(ids((await ann.socket.request('sync', { chats: upper })).chats)).to.have.members([two, three]);
  });

  it('lists as gone what the user is no longer in, never was in, and what is no chat', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const [left, removed, theirs] = [await newGroup(ann, bob), await newGroup(ann, bob), await newGroup(ann)];
    await bob.socket.request('chat.leave', { chat_id: left.id });
    await ann.socket.request('member.remove', { chat_id: removed.id, user_id: bob.id });
    const unknown = newId();
    const claimed = [left.id, removed.id, theirs.id, unknown];
    const chats = Object.fromEntries(claimed.map((id) => [id, [1, 1] as [number, number]]));
    const reply = await bob.socket.request('sync', { chats });
    expect(reply.chats).to.deep.equal([]);
    expect(reply.gone).to.have.members(claimed);
  });

  it('counts as unread the messages of others after the read mark, deleted ones too, service ones not', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const unread = async (who: Person) => (await who.socket.request('sync', {})).chats[0]?.unread;
    for (let sent = 0; sent < 3; sent++) await ann.socket.request('message.send', message(chat_id));
    expect([await unread(ann), await unread(bob)]).to.deep.equal([0, 3]);
    await ann.socket.request('message.delete', { chat_id, target: 4 });
    await ann.socket.request('chat.update', { chat_id, about: 'x' });
    expect(await unread(bob)).to.equal(3);
    await bob.socket.request('read', { chat_id, seq: 4 });
    expect(await unread(bob)).to.equal(1);
    await bob.socket.request('message.send', message(chat_id));
    expect([await unread(ann), await unread(bob)]).to.deep.equal([1, 0]);
    await bob.socket.request('chat.leave', { chat_id });
    await ann.socket.request('member.add', { chat_id, user_ids: [bob.id] });
    expect(await unread(bob)).to.equal(0);
  });

  it('refuses cursors that it did not give, and what names no chat or no two marks', async () => {
    const [ann] = await newPeople('ann');
    for (const cursor of ['x', '', Buffer.from('c 1 2').toString('base64url')])
      await refused(ann.socket.refusal('sync', { cursor }), 'invalid', 'bad_cursor');
    const id = newId();
    const marks = [[1], [1, -1], [1, 1, 1], ['1', 1], null, 1].map((wrong) => ({ [id]: wrong }));
    const names = ['x', '', `{${id}}`, `urn:uuid:${id}`, `${id}0`].map((wrong) => ({ [wrong]: [1, 1] }));
    for (const chats of [...marks, ...names, JSON.parse('{"__proto__":[1,1]}')])
      await refused(ann.socket.refusal('sync', { chats }), 'invalid');
  });
});

import { expect } from 'chai';
import { newId } from '../../../../schemas/ids.ts';
import { everybodyHears, hearNothing, refused, serviceMessage } from '../support/expected.ts';
import { useProduct } from '../support/program.ts';
import { freshName } from '../support/secrets.ts';
import { newGroup, newPeople, newPrivate, type Person } from '../support/users.ts';
import { message } from './cases.ts';

async function members(who: Person, chat_id: string): Promise<Record<string, string>> {
  const reply = await who.socket.request('chat.get', { chat_id });
  return Object.fromEntries(reply.members.map(({ user, role }) => [user.id, role]));
}

describe('chat.join', () => {
  useProduct();

  it('lets anybody into a chat with a public name, and tells everybody', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    const group = await newGroup(ann);
    const { id: chat_id } = group;
    const username = freshName('public');
    await ann.socket.request('chat.update', { chat_id, username });
    const phone = await (await bob.again()).open();
    const { chat } = await bob.socket.request('chat.join', { chat_id });
    expect(chat).to.deep.equal({ ...group, username, head: 3, members_count: 2, role: 'member' });
    for (const socket of [bob.socket, phone])
      expect(await socket.event('chat.new')).to.deep.equal({ type: 'chat.new', chat });
    const told = await ann.socket.event('message.new', { chat_id, seq: 3 });
    const { created_at } = told;
    const by = { chat_id, seq: 3, sender_id: bob.id, created_at };
    const message = serviceMessage(by, { action: 'joined', user_id: bob.id });
    expect(told).to.deep.equal({ type: 'message.new', ...message });
    await hearNothing([ann, bob, eve], async () => {
      const again = await bob.socket.request('chat.join', { chat_id });
      expect(again.chat).to.deep.equal(chat);
    });
  });

  it('is not found without a public name, refused in private chats and to whom an admin removed', async () => {
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    const { id: chat_id } = await newGroup(ann, bob);
    const pair = await newPrivate(ann, bob);
    await refused(cem.socket.refusal('chat.join', { chat_id }), 'not_found', 'no_chat');
    await refused(cem.socket.refusal('chat.join', { chat_id: pair.id }), 'not_found', 'no_chat');
    await refused(ann.socket.refusal('chat.join', { chat_id: pair.id }), 'forbidden', 'private_chat');
    await ann.socket.request('chat.update', { chat_id, username: freshName() });
    await ann.socket.request('member.remove', { chat_id, user_id: bob.id });
    await refused(bob.socket.refusal('chat.join', { chat_id }), 'forbidden', 'removed');
    await cem.socket.request('chat.join', { chat_id });
    await cem.socket.request('chat.leave', { chat_id });
    await cem.socket.request('chat.join', { chat_id });
    await ann.socket.request('chat.update', { chat_id, username: null });
    await cem.socket.request('chat.leave', { chat_id });
    await refused(cem.socket.refusal('chat.join', { chat_id }), 'not_found', 'no_chat');
  });
});

describe('chat.leave', () => {
  useProduct();

  it('tells all devices of who leaves that it is gone, the others who left, and then nothing more', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const phone = await (await bob.again()).open();
    const { seq } = await bob.socket.request('chat.leave', { chat_id });
    expect(seq).to.equal(3);
    for (const socket of [bob.socket, phone]) {
      expect(await socket.event('chat.gone')).to.deep.equal({ type: 'chat.gone', chat_id });
      expect(socket.events('message.new', { chat_id, seq })).to.deep.equal([]);
    }
    const told = await ann.socket.event('message.new', { chat_id, seq });
    expect(told.service).to.deep.equal({ action: 'left', user_id: bob.id });
    expect(told.sender_id).to.equal(bob.id);
    await hearNothing([bob], async () => {
      await ann.socket.request('typing', { chat_id, active: true });
      await ann.socket.request('member.role', { chat_id, user_id: ann.id, role: 'admin' }).catch(() => {});
      await ann.socket.request('chat.update', { chat_id, about: null });
    });
    expect(await members(ann, chat_id)).to.deep.equal({ [ann.id]: 'owner' });
  });

  it('of the owner makes the oldest admin the owner, else the oldest member', async () => {
    const [ann, bob, cem, dan] = await newPeople('ann', 'bob', 'cem', 'dan');
    const { id: chat_id } = await newGroup(ann, bob, cem, dan);
    for (const { id: user_id } of [dan, cem])
      await ann.socket.request('member.role', { chat_id, user_id, role: 'admin' });
    const { seq } = await ann.socket.request('chat.leave', { chat_id });
    expect(seq).to.equal(8);
    const left = await everybodyHears([bob, cem, dan], 'message.new', { chat_id, seq: 7 });
    expect(left.service).to.deep.equal({ action: 'left', user_id: ann.id });
    const heir = await everybodyHears([bob, cem, dan], 'message.new', { chat_id, seq: 8 });
    expect(heir.service).to.deep.equal({ action: 'role', user_id: cem.id, role: 'owner' });
    await cem.socket.request('member.role', { chat_id, user_id: dan.id, role: 'member' });
    await cem.socket.request('chat.leave', { chat_id });
    expect(await members(dan, chat_id)).to.deep.equal({ [bob.id]: 'owner', [dan.id]: 'member' });
  });

  it('of the last one leaves nobody, and is refused in private chats', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann);
    await ann.socket.request('chat.leave', { chat_id });
    await refused(ann.socket.refusal('chat.leave', { chat_id }), 'not_found', 'no_chat');
    const pair = await newPrivate(ann, bob);
    await refused(ann.socket.refusal('chat.leave', { chat_id: pair.id }), 'forbidden', 'private_chat');
  });
});

describe('member.add', () => {
  useProduct();

  it('by any member adds, tells the added and the others, and lists who is not added', async () => {
    const [ann, bob, cem, dan, eve] = await newPeople('ann', 'bob', 'cem', 'dan', 'eve');
    const group = await newGroup(ann, bob);
    const { id: chat_id } = group;
    const nobody = newId();
    const user_ids = [cem.id, nobody, ann.id, dan.id, cem.id];
    const reply = await bob.socket.request('member.add', { chat_id, user_ids });
    expect(reply).to.deep.equal({ seq: 4, not_added: [nobody] });
    const chat = { ...group, head: 4, members_count: 4, role: 'member' };
    for (const { socket } of [cem, dan])
      expect(await socket.event('chat.new')).to.deep.equal({ type: 'chat.new', chat });
    for (const [seq, user] of [
      [3, cem],
      [4, dan],
    ] as const) {
      const told = await everybodyHears([ann, bob], 'message.new', { chat_id, seq });
      expect(told.service).to.deep.equal({ action: 'joined', user_id: user.id });
      expect(told.sender_id).to.equal(bob.id);
    }
    await hearNothing([ann, bob, cem, dan, eve], async () => {
      const again = await bob.socket.request('member.add', { chat_id, user_ids: [cem.id] });
      expect(again).to.deep.equal({ seq: 4, not_added: [] });
      expect(await bob.socket.request('member.add', { chat_id, user_ids: [] })).to.include({ seq: 4 });
    });
  });

  it('of whom an admin removed takes an admin, and is refused in private chats', async () => {
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    const { id: chat_id } = await newGroup(ann, bob, cem);
    await ann.socket.request('member.remove', { chat_id, user_id: cem.id });
    const add = { chat_id, user_ids: [cem.id] };
    const refusal = await bob.socket.request('member.add', add);
    expect(refusal).to.deep.equal({ seq: 4, not_added: [cem.id] });
    expect(await ann.socket.request('member.add', add)).to.deep.equal({ seq: 5, not_added: [] });
    const { messages } = await cem.socket.request('history', { chat_id });
    expect(messages.map(({ seq }) => seq)).to.deep.equal([5, 4, 3, 2, 1]);
    const pair = await newPrivate(ann, bob);
    const third = { chat_id: pair.id, user_ids: [cem.id] };
    await refused(ann.socket.refusal('member.add', third), 'forbidden', 'private_chat');
  });
});

describe('member.remove', () => {
  useProduct();

  it('tells the removed on every device, and lets nothing more through', async () => {
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    const { id: chat_id } = await newGroup(ann, bob, cem);
    const phone = await (await cem.again()).open();
    const last = await ann.socket.request('message.send', message(chat_id));
    for (const socket of [cem.socket, phone]) await socket.event('message.new', { chat_id, seq: last.seq });
    const { seq } = await ann.socket.request('member.remove', { chat_id, user_id: cem.id });
    const told = await everybodyHears([ann, bob], 'message.new', { chat_id, seq });
    expect(told).to.include({ sender_id: ann.id, kind: 'service' });
    expect(told.service).to.deep.equal({ action: 'removed', user_id: cem.id });
    for (const socket of [cem.socket, phone]) {
      expect(await socket.event('chat.gone')).to.deep.equal({ type: 'chat.gone', chat_id });
      expect(socket.events('message.new', { chat_id, seq })).to.deep.equal([]);
    }
    await hearNothing([cem, { ...cem, socket: phone }], async () => {
      const sent = await bob.socket.request('message.send', message(chat_id));
      await bob.socket.request('read', { chat_id, seq: sent.seq });
      await bob.socket.request('typing', { chat_id, active: true });
      await bob.socket.request('message.edit', { chat_id, target: sent.seq, text: 'y' });
      await everybodyHears([ann, bob], 'message.changed', { chat_id, seq: sent.seq });
    });
  });

  it('holds while others write without pause, and who is added again hears again, each message once', async function () {
    this.timeout(60_000);
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    const { id: chat_id } = await newGroup(ann, bob, cem);
    let writing = true;
    const loops = [ann, bob].map(async ({ socket }) => {
      while (writing)
        await Promise.all([1, 2, 3].map(() => socket.request('message.send', message(chat_id))));
    });
    const { socket } = cem;
    const events = () => socket.heard().filter((frame) => frame.type !== 'read');
    for (let round = 1; round <= 10; round++) {
      const heard = events().length;
      await socket.until('messages', () => events().length > heard + 20);
      await ann.socket.request('member.remove', { chat_id, user_id: cem.id });
      await socket.until('chat.gone', () => socket.events('chat.gone').length === round);
      await socket.quiet();
      await bob.socket.request('message.send', message(chat_id));
      await socket.quiet();
      expect(socket.heard().at(-1)?.type).to.equal('chat.gone');
      await ann.socket.request('member.add', { chat_id, user_ids: [cem.id] });
      await socket.until('chat.new', () => socket.events('chat.new').length === round + 1);
    }
    writing = false;
    await Promise.all(loops);
    const seqs = socket.events('message.new', { chat_id }).map(({ seq }) => seq);
    expect(seqs).to.deep.equal([...new Set(seqs)].sort((a, b) => a - b));
  });

  it('is for admins; admins go by the owner alone, and nobody removes the owner', async () => {
    const [ann, bob, cem, dan] = await newPeople('ann', 'bob', 'cem', 'dan');
    const { id: chat_id } = await newGroup(ann, bob, cem, dan);
    for (const { id: user_id } of [bob, cem])
      await ann.socket.request('member.role', { chat_id, user_id, role: 'admin' });
    const remove = (by: Person, user_id: string) => by.socket.refusal('member.remove', { chat_id, user_id });
    await refused(remove(dan, bob.id), 'forbidden', 'not_admin');
    await refused(remove(dan, newId()), 'forbidden', 'not_admin');
    await refused(remove(bob, cem.id), 'forbidden', 'not_owner');
    await refused(remove(bob, ann.id), 'forbidden', 'not_owner');
    await refused(remove(bob, newId()), 'not_found', 'no_member');
    await bob.socket.request('member.remove', { chat_id, user_id: dan.id });
    await ann.socket.request('member.remove', { chat_id, user_id: cem.id });
    const { seq } = await bob.socket.request('member.remove', { chat_id, user_id: bob.id });
    const told = await ann.socket.event('message.new', { chat_id, seq });
    expect(told.service).to.deep.equal({ action: 'left', user_id: bob.id });
    const pair = await newPrivate(ann, bob);
    for (const user_id of [ann.id, bob.id]) {
      const fields = { chat_id: pair.id, user_id };
      await refused(ann.socket.refusal('member.remove', fields), 'forbidden', 'private_chat');
    }
  });
});

describe('member.role', () => {
  useProduct();

  it('is told to everybody, once, and holds at once', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    const { id: chat_id } = await newGroup(ann, bob);
    const appoint = { chat_id, user_id: bob.id, role: 'admin' } as const;
    const { seq } = await ann.socket.request('member.role', appoint);
    const told = await everybodyHears([ann, bob], 'message.new', { chat_id, seq });
    const { created_at } = told;
    const by = { chat_id, seq, sender_id: ann.id, created_at };
    expect(told).to.deep.equal(serviceMessage(by, { action: 'role', user_id: bob.id, role: 'admin' }));
    await hearNothing([ann, bob, eve], async () => {
      expect(await ann.socket.request('member.role', appoint)).to.deep.equal({ seq });
    });
    await bob.socket.request('chat.update', { chat_id, about: null });
    await ann.socket.request('member.role', { ...appoint, role: 'member' });
    expect(await members(bob, chat_id)).to.deep.equal({ [ann.id]: 'owner', [bob.id]: 'member' });
  });

  it('is given by admins, taken by the owner alone, and the owner stays', async () => {
    const [ann, bob, cem, dan] = await newPeople('ann', 'bob', 'cem', 'dan');
    const { id: chat_id } = await newGroup(ann, bob, cem, dan);
    await ann.socket.request('member.role', { chat_id, user_id: bob.id, role: 'admin' });
    await bob.socket.request('member.role', { chat_id, user_id: cem.id, role: 'admin' });
    const set = (by: Person, user_id: string, role: string) =>
      by.socket.refusal('member.role', { chat_id, user_id, role });
    await refused(set(dan, cem.id, 'admin'), 'forbidden', 'not_admin');
    await refused(set(dan, dan.id, 'admin'), 'forbidden', 'not_admin');
    await refused(set(bob, cem.id, 'member'), 'forbidden', 'not_owner');
    await refused(set(bob, ann.id, 'member'), 'forbidden', 'owner');
    await refused(set(ann, ann.id, 'admin'), 'forbidden', 'owner');
    await refused(set(ann, newId(), 'admin'), 'not_found', 'no_member');
    await refused(set(ann, dan.id, 'owner'), 'invalid');
    const pair = await newPrivate(ann, bob);
    const fields = { chat_id: pair.id, user_id: bob.id, role: 'admin' };
    await refused(ann.socket.refusal('member.role', fields), 'forbidden', 'private_chat');
  });
});

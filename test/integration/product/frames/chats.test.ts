import { expect } from 'chai';
import type { Chat } from '../../../../schemas/chat/wire.ts';
import { newId } from '../../../../schemas/ids.ts';
import { everybodyHears, hearNothing, refused, serviceMessage } from '../support/expected.ts';
import { useProduct } from '../support/program.ts';
import { freshName, say } from '../support/secrets.ts';
import { newGroup, newPeople, newPrivate, newUser, type Person, type User } from '../support/users.ts';

function seen(chat: Chat, by: Partial<Chat>): Chat {
  return { ...chat, ...by };
}

describe('chat.create', () => {
  useProduct();

  it('makes a group: the creator owns it, each member is told, on every device, and nobody else', async () => {
    const [ann, bob, cem, eve] = await newPeople('ann', 'bob', 'cem', 'eve');
    const tablet = await (await bob.again()).open();
    const fields = { title: say('title'), about: say('about') };
    const member_ids = [bob.id, cem.id, bob.id, ann.id];
    const { chat } = await ann.socket.request('chat.create', { chat_type: 'group', ...fields, member_ids });
    expect(chat).to.deep.equal({
      id: chat.id,
      number: chat.number,
      type: 'group',
      ...fields,
      photo: null,
      created_by: ann.id,
      created_at: chat.created_at,
      head: 3,
      members_count: 3,
      username: null,
      role: 'owner',
    });
    expect(Date.parse(chat.created_at)).to.be.closeTo(Date.now(), 60_000);
    expect(await ann.socket.event('chat.new')).to.deep.equal({ type: 'chat.new', chat });
    const joined = { type: 'chat.new', chat: seen(chat, { role: 'member' }) };
    for (const socket of [bob.socket, tablet, cem.socket])
      expect(await socket.event('chat.new')).to.deep.equal(joined);
    await eve.socket.quiet();
    expect(eve.socket.heard()).to.deep.equal([]);

    const { messages } = await cem.socket.request('history', { chat_id: chat.id, after: 0 });
    const by = { chat_id: chat.id, sender_id: ann.id, created_at: chat.created_at };
    expect(messages).to.deep.equal([
      serviceMessage({ ...by, seq: 1 }, { action: 'created', ...fields }),
      serviceMessage({ ...by, seq: 2 }, { action: 'joined', user_id: bob.id }),
      serviceMessage({ ...by, seq: 3 }, { action: 'joined', user_id: cem.id }),
    ]);
  });

  it('makes a group of one, without about', async () => {
    const [ann] = await newPeople('ann');
    const { chat } = await ann.socket.request('chat.create', { chat_type: 'group', title: say() });
    expect(chat).to.include({ about: null, members_count: 1, head: 1 });
  });

  it('makes a private chat of two, by id or username, once, from either side', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    const { chat } = await ann.socket.request('chat.create', { chat_type: 'private', user_id: bob.id });
    expect(chat).to.deep.equal({
      id: chat.id,
      number: chat.number,
      type: 'private',
      title: null,
      about: null,
      photo: null,
      created_by: ann.id,
      created_at: chat.created_at,
      head: 1,
      members_count: 2,
      role: 'member',
      peer: bob.short,
    });
    const from = (peer: Person) => ({ type: 'chat.new', chat: seen(chat, { peer: peer.short }) });
    expect(await ann.socket.event('chat.new')).to.deep.equal(from(bob));
    expect(await bob.socket.event('chat.new')).to.deep.equal(from(ann));
    const message = serviceMessage(
      { chat_id: chat.id, seq: 1, sender_id: ann.id, receiver_id: bob.id, created_at: chat.created_at },
      { action: 'created' },
    );
    expect(await everybodyHears([ann, bob], 'message.new', { chat_id: chat.id })).to.deep.equal(message);

    await hearNothing([ann, bob, eve], async () => {
      const username = ann.username.toUpperCase();
      const again = await bob.socket.request('chat.create', { chat_type: 'private', username });
      expect(again.chat).to.deep.equal(seen(chat, { peer: ann.short }));
      const third = await ann.socket.request('chat.create', { chat_type: 'private', user_id: bob.id });
      expect(third.chat).to.deep.equal(chat);
    });
  });

  it('made from both sides at once it is one chat', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const made = await Promise.all([
      ann.socket.request('chat.create', { chat_type: 'private', user_id: bob.id }),
      bob.socket.request('chat.create', { chat_type: 'private', user_id: ann.id }),
    ]);
    const [one, other] = made.map(({ chat }) => [chat.id, chat.number, chat.created_by, chat.head]);
    expect(one).to.deep.equal(other);
  });

  it('is refused with its reason where it cannot be', async () => {
    const [{ socket, id, username }, bob] = await newPeople('ann', 'bob');
    const both = { user_id: bob.id, username: bob.username };
    const cases: [string, string, object][] = [
      ['unprocessable', 'oneself', { chat_type: 'private', user_id: id }],
      ['unprocessable', 'oneself', { chat_type: 'private', username }],
      ['unprocessable', 'one_user', { chat_type: 'private' }],
      ['unprocessable', 'one_user', { chat_type: 'private', ...both }],
      ['unprocessable', 'not_for_private', { chat_type: 'private', user_id: bob.id, title: say() }],
      ['unprocessable', 'not_for_private', { chat_type: 'private', user_id: bob.id, about: say() }],
      ['unprocessable', 'not_for_private', { chat_type: 'private', user_id: bob.id, member_ids: [] }],
      ['not_found', 'no_user', { chat_type: 'private', user_id: newId() }],
      ['not_found', 'no_user', { chat_type: 'private', username: freshName() }],
      ['unprocessable', 'title_required', { chat_type: 'group' }],
      ['unprocessable', 'not_for_group', { chat_type: 'group', title: say(), user_id: bob.id }],
      ['unprocessable', 'not_for_group', { chat_type: 'group', title: say(), username: bob.username }],
    ];
    for (const [code, reason, fields] of cases)
      await refused(socket.refusal('chat.create', fields), code, reason);
    const member_ids = [bob.id, newId()];
    const nobody = { chat_type: 'group', title: say(), member_ids };
    const { errors } = await refused(socket.refusal('chat.create', nobody), 'not_found', 'no_user');
    expect(errors?.map(({ path }) => path)).to.deep.equal(['/member_ids/1']);
    for (const fields of [
      { chat_type: 'session', title: say() },
      { chat_type: 'group', title: '   ' },
      { chat_type: 'group', title: 'x'.repeat(129) },
      { chat_type: 'group', title: say(), about: 'x'.repeat(513) },
      { chat_type: 'group', title: say(), member_ids: Array.from({ length: 201 }, newId) },
    ])
      await refused(socket.refusal('chat.create', fields), 'invalid');
    await bob.socket.quiet();
    expect(bob.socket.heard()).to.deep.equal([]);
  });
});

describe('chat.get', () => {
  useProduct();

  it('shows the chat as each member sees it, and its members, the longest first', async () => {
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    const group = await newGroup(ann, bob, cem);
    await ann.socket.request('member.role', { chat_id: group.id, user_id: cem.id, role: 'admin' });
    const { seq } = await bob.socket.request('message.send', {
      chat_id: group.id,
      client_id: newId(),
      kind: 'text',
      text: say(),
    });
    const reply = await cem.socket.request('chat.get', { chat_id: group.id });
    expect(reply).to.deep.equal({
      chat: { ...group, head: seq, role: 'admin' },
      members: [
        { user: ann.short, role: 'owner', read: 1, joined_seq: 1 },
        { user: bob.short, role: 'member', read: seq, joined_seq: 2 },
        { user: cem.short, role: 'admin', read: 3, joined_seq: 3 },
      ],
    });
  });

  it('shows a private chat with its peer', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const chat = await newPrivate(ann, bob);
    expect(await bob.socket.request('chat.get', { chat_id: chat.id })).to.deep.equal({
      chat: { ...chat, peer: ann.short },
      members: [ann, bob].map(({ short }) => ({ user: short, role: 'member', read: 1, joined_seq: 1 })),
    });
  });

  it('gives 200 members a page, and refuses cursors that it did not give', async function () {
    this.timeout(60_000);
    const [ann] = await newPeople('ann');
    const others: User[] = [];
    while (others.length < 204)
      others.push(...(await Promise.all(Array.from({ length: 12 }, () => newUser('many')))));
    const ids = others.map(({ id }) => id);
    const { socket } = ann;
    const first = { chat_type: 'group', title: say(), member_ids: ids.slice(0, 200) } as const;
    const { chat } = await socket.request('chat.create', first);
    await socket.request('member.add', { chat_id: chat.id, user_ids: ids.slice(200) });
    const one = await socket.request('chat.get', { chat_id: chat.id });
    const two = await socket.request('chat.get', { chat_id: chat.id, cursor: one.next_cursor as string });
    expect([one.members.length, two.members.length]).to.deep.equal([200, 5]);
    expect(two).not.to.have.property('next_cursor');
    const shown = [...one.members, ...two.members].map(({ user }) => user.id);
    expect(shown).to.deep.equal([ann.id, ...ids]);
    for (const cursor of ['nonsense', '', Buffer.from('c 1').toString('base64url')])
      await refused(socket.refusal('chat.get', { chat_id: chat.id, cursor }), 'invalid', 'bad_cursor');
    // In chats of more than 200 members nobody is told of typing and read marks.
    const reader = await (others[0] as User).open();
    await hearNothing([ann], async () => {
      expect(await reader.request('typing', { chat_id: chat.id, active: true })).to.deep.equal({});
      expect(await reader.request('read', { chat_id: chat.id, seq: 205 })).to.deep.equal({ read: 205 });
    });
  });
});

describe('chat.update', () => {
  useProduct();

  it('changes what it names, tells everybody once, and changes nothing where nothing differs', async () => {
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    const group = await newGroup(ann, bob, cem);
    const { id: chat_id } = group;
    await ann.socket.request('member.role', { chat_id, user_id: bob.id, role: 'admin' });
    const changes = { title: say('title'), about: say('about'), username: freshName('group') };
    const { seq } = await bob.socket.request('chat.update', { chat_id, ...changes });
    expect(seq).to.equal(5);
    const told = await everybodyHears([ann, bob, cem], 'message.new', { chat_id, seq });
    const { created_at } = told;
    const by = { chat_id, seq, sender_id: bob.id, created_at };
    expect(told).to.deep.equal(serviceMessage(by, { action: 'updated', ...changes }));
    const { chat } = await cem.socket.request('chat.get', { chat_id });
    expect(chat).to.deep.equal({ ...group, ...changes, head: seq, role: 'member' });
    await hearNothing([ann, bob, cem], async () => {
      expect(await ann.socket.request('chat.update', { chat_id, ...changes })).to.deep.equal({ seq });
      expect(await ann.socket.request('chat.update', { chat_id })).to.deep.equal({ seq });
    });
    const cleared = await ann.socket.request('chat.update', { chat_id, about: null, username: null });
    const { service } = await everybodyHears([ann, bob, cem], 'message.new', { chat_id, seq: cleared.seq });
    expect(service).to.deep.equal({ action: 'updated', about: null, username: null });
  });

  it('is refused to members, in private chats, and for a name that another chat has', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const [one, other] = [await newGroup(ann, bob), await newGroup(ann)];
    const pair = await newPrivate(ann, bob);
    const update = (who: Person, fields: object) => who.socket.refusal('chat.update', fields);
    await refused(update(bob, { chat_id: one.id, title: say() }), 'forbidden', 'not_admin');
    await refused(update(bob, { chat_id: one.id, username: freshName() }), 'forbidden', 'not_admin');
    await refused(update(ann, { chat_id: pair.id, title: say() }), 'forbidden', 'private_chat');
    await refused(update(ann, { chat_id: pair.id, username: freshName() }), 'forbidden', 'private_chat');
    const username = freshName('taken');
    await ann.socket.request('chat.update', { chat_id: one.id, username });
    const same = { chat_id: other.id, username: username.toUpperCase() };
    await refused(update(ann, same), 'conflict', 'username_taken');
    await ann.socket.request('chat.update', { chat_id: one.id, username: null });
    await ann.socket.request('chat.update', same);
  });
});

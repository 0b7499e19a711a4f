import { expect } from 'chai';
import type { Chat } from '../../../schemas/chat/wire.ts';
import { newId } from '../../../schemas/ids.ts';
import type { ProfileList } from '../../../schemas/rest/accounts.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import { refused } from './support/expected.ts';
import { useProduct } from './support/program.ts';
import { say } from './support/secrets.ts';
import { newGroup, newPeople, newPrivate, newUser, type Person, type User } from './support/users.ts';

const text = () => ({ client_id: newId(), kind: 'text', text: say() }) as const;
const hidden = { online: false, last_seen_at: null };

async function set(user: User, privacy: object): Promise<void> {
  const { status } = await user.rest('PATCH', '/me', { settings: { theme: 'dark', privacy } });
  expect(status).to.equal(200);
}

async function did(answer: Promise<{ status: number }>): Promise<void> {
  expect((await answer).status).to.equal(204);
}

const block = (by: User, user: User) => did(by.rest('POST', `/users/${user.id}/block`));
const unblock = (by: User, user: User) => did(by.rest('DELETE', `/users/${user.id}/block`));
const befriend = (by: User, user: User) => did(by.rest('PUT', `/api/v1/contacts/${user.id}`));

/** Presence by all three ways, which must agree. */
async function seen(user: User, by: Person): Promise<object> {
  const one = (await by.rest<object>('GET', `/api/v1/users/${user.id}/presence`)).body;
  const ask = { user_ids: [user.id] };
  const many = (await by.rest<{ users: object[] }>('POST', '/api/v1/presence', ask)).body.users;
  const watched = (await by.socket.request('presence.watch', ask)).users;
  expect(many).to.deep.equal([{ user_id: user.id, ...one }]);
  expect(watched).to.deep.equal(many);
  return one;
}

async function found(user: User, by: User): Promise<boolean> {
  const { body } = await by.rest<ProfileList>('GET', `/api/v1/users?search=${user.username}&limit=1`);
  return body.items.some(({ id }) => id === user.id);
}

describe('contacts and blocks', () => {
  useProduct();

  it('are lists of their own, newest first, in pages, of people who exist', async () => {
    const [ann, bob, cem, eve] = await newPeople('ann', 'bob', 'cem', 'eve');
    for (const [path, add] of [
      ['/api/v1/contacts', (user: User) => befriend(ann, user)],
      ['/me/blocks', (user: User) => block(ann, user)],
    ] as const) {
      for (const user of [bob, cem, eve, bob]) await add(user);
      const first = (await ann.rest<ProfileList>('GET', `${path}?limit=2`)).body;
      expect(first.items.map(({ id }) => id)).to.deep.equal([eve.id, cem.id]);
      const more = `${path}?limit=2&cursor=${first.next_cursor}`;
      const second = (await ann.rest<ProfileList>('GET', more)).body;
      expect(second.items.map(({ id }) => id)).to.deep.equal([bob.id]);
      expect(second.next_cursor).to.equal(null);
      expect((await bob.rest<ProfileList>('GET', path)).body.items, 'nobody else’s').to.deep.equal([]);
      expect((await ann.rest<Problem>('GET', `${path}?cursor=x`)).body.reason).to.equal('bad_cursor');
    }
    const { body } = await ann.rest<ProfileList>(
      'GET',
      `/api/v1/contacts?search=${cem.username.slice(0, 8)}`,
    );
    expect(body.items.map(({ id }) => id)).to.include(cem.id);
    expect(body.items.map(({ id }) => id)).to.not.include(bob.id);
    for (let times = 0; times < 2; times++) await did(ann.rest('DELETE', `/api/v1/contacts/${cem.id}`));
    const left = (await ann.rest<ProfileList>('GET', '/api/v1/contacts')).body;
    expect(left.items.map(({ id }) => id)).to.deep.equal([eve.id, bob.id]);
  });

  it('refuse oneself and nobody', async () => {
    const ann = await newUser('ann');
    const cases = [
      [ann.id, 422, 'oneself'],
      [newId(), 404, 'no_user'],
      ['nonsense', 404, 'no_user'],
    ] as const;
    for (const [id, status, reason] of cases)
      for (const [method, path] of [
        ['PUT', `/api/v1/contacts/${id}`],
        ['POST', `/users/${id}/block`],
      ] as const) {
        const answer = await ann.rest<Problem>(method, path);
        expect({ status: answer.status, reason: answer.body.reason }, path).to.deep.equal({ status, reason });
      }
  });
});

describe('a block', () => {
  useProduct();

  it('stops a private chat for both, at once, until it is taken back; its history stays readable', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newPrivate(ann, bob);
    const said = await bob.socket.request('message.send', { chat_id, ...text() });
    await ann.socket.event('message.new', { chat_id, seq: said.seq });
    const repeat = { chat_id, ...text() };
    const { seq: last } = await bob.socket.request('message.send', repeat);
    await block(ann, bob);
    for (const who of [bob, ann]) {
      await refused(who.socket.refusal('message.send', { chat_id, ...text() }), 'forbidden', 'blocked');
      await refused(who.socket.refusal('typing', { chat_id, active: true }), 'forbidden', 'blocked');
      const reaction = { chat_id, target: said.seq, emoji: '🙂' };
      await refused(who.socket.refusal('reaction.set', reaction), 'forbidden', 'blocked');
      const peer = who === bob ? ann : bob;
      await refused(
        who.socket.refusal('message.send', { user_id: peer.id, ...text() }),
        'forbidden',
        'blocked',
      );
      const history = await who.socket.request('history', { chat_id });
      expect(history.messages.map(({ seq }) => seq)).to.include(said.seq);
      const again = await who.socket.request('chat.create', { chat_type: 'private', user_id: peer.id });
      expect(again.chat.id, 'the chat that is there').to.equal(chat_id);
    }
    const edit = { chat_id, target: said.seq, text: say() };
    await refused(bob.socket.refusal('message.edit', edit), 'forbidden', 'blocked');
    expect((await bob.socket.request('message.send', repeat)).seq, 'a repeat').to.equal(last);
    await bob.socket.request('read', { chat_id, seq: last });
    await block(bob, ann);
    await unblock(ann, bob);
    await refused(ann.socket.refusal('message.send', { chat_id, ...text() }), 'forbidden', 'blocked');
    await unblock(bob, ann);
    await ann.socket.request('message.send', { chat_id, ...text() });
    await bob.socket.request('message.send', { chat_id, ...text() });
  });

  it('stops a private chat from being opened, by either of the two and over REST too', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    await block(ann, bob);
    for (const [who, peer] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      const open = { chat_type: 'private', user_id: peer.id } as const;
      await refused(who.socket.refusal('chat.create', open), 'forbidden', 'blocked');
      await refused(
        who.socket.refusal('message.send', { user_id: peer.id, ...text() }),
        'forbidden',
        'blocked',
      );
      const { status, body } = await who.rest<Problem>('POST', '/api/v1/chats', {
        type: 'private',
        user_id: peer.id,
      });
      expect({ status, reason: body.reason }).to.deep.equal({ status: 403, reason: 'blocked' });
    }
    await unblock(ann, bob);
    await bob.socket.request('message.send', { user_id: ann.id, ...text() });
  });

  it('holds against messages that are sent the same moment: none is taken after the answer', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newPrivate(ann, bob);
    for (let round = 0; round < 5; round++) {
      const sends = Array.from({ length: 10 }, () =>
        bob.rest('POST', `/api/v1/chats/${chat_id}/messages`, { text: say() }),
      );
      await block(ann, bob);
      await refused(bob.socket.refusal('message.send', { chat_id, ...text() }), 'forbidden', 'blocked');
      for (const { status } of await Promise.all(sends)) expect(status).to.be.oneOf([201, 403]);
      await unblock(ann, bob);
      await bob.socket.request('message.send', { chat_id, ...text() });
    }
  });

  it('hides each from the other: presence, watches that run, and search', async () => {
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    for (const [who, peer] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      expect(await seen(peer, who)).to.deep.include({ online: true });
      expect(await found(peer, who)).to.equal(true);
    }
    await block(ann, bob);
    await bob.socket.event('presence', { user_id: ann.id, online: false });
    await ann.socket.event('presence', { user_id: bob.id, online: false });
    for (const [who, peer] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      expect(await seen(peer, who)).to.deep.equal(hidden);
      expect(await found(peer, who)).to.equal(false);
    }
    expect(await seen(ann, cem)).to.deep.include({ online: true });
    expect(await found(ann, cem)).to.equal(true);
    await unblock(ann, bob);
    expect(await seen(ann, bob)).to.deep.include({ online: true });
    expect(await found(ann, bob)).to.equal(true);
  });

  it('keeps its user out of groups that the other makes', async () => {
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    const { id: chat_id } = await newGroup(bob);
    await block(ann, bob);
    const add = { chat_id, user_ids: [ann.id, cem.id] };
    const { not_added } = await bob.socket.request('member.add', add);
    expect(not_added).to.deep.equal([ann.id]);
    const group = { chat_type: 'group' as const, title: say(), member_ids: [cem.id, ann.id] };
    await refused(bob.socket.refusal('chat.create', group), 'forbidden', 'privacy');
    await cem.socket.request('member.add', add);
    expect(
      (await bob.socket.request('member.add', add)).not_added,
      'who is in it is not listed',
    ).to.deep.equal([]);
  });
});

describe('the settings of privacy', () => {
  useProduct();

  it('are checked: their names, their values, and nothing beside them', async () => {
    const ann = await newUser('ann');
    const wrong = ['all', { last_seen: 'friends' }, { messages: null }, { calls: 'nobody' }, []];
    for (const privacy of wrong) {
      const { status } = await ann.rest('PATCH', '/me', { settings: { privacy } });
      expect(status, JSON.stringify(privacy)).to.equal(400);
    }
    await set(ann, {});
  });

  it('show when somebody was online to everybody, to contacts or to nobody, also to those who watch', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    await befriend(ann, bob);
    for (const who of [bob, eve]) expect(await seen(ann, who)).to.deep.include({ online: true });
    await set(ann, { last_seen: 'contacts' });
    await eve.socket.event('presence', { user_id: ann.id, online: false });
    expect(await seen(ann, eve)).to.deep.equal(hidden);
    expect(await seen(ann, bob)).to.deep.include({ online: true });
    await did(ann.rest('DELETE', `/api/v1/contacts/${bob.id}`));
    await bob.socket.event('presence', { user_id: ann.id, online: false });
    expect(await seen(ann, bob)).to.deep.equal(hidden);
    await befriend(ann, bob);
    await set(ann, { last_seen: 'nobody' });
    expect(await seen(ann, bob)).to.deep.equal(hidden);
    expect(await seen(ann, ann), 'oneself').to.deep.include({ online: true });
    await set(ann, {});
    for (const who of [bob, eve]) expect(await seen(ann, who)).to.deep.include({ online: true });
  });

  it('tell those who watch nothing more of who hides', async () => {
    const [eve] = await newPeople('eve');
    const [ann, cem] = [await newUser('ann'), await newUser('cem')];
    await set(ann, { last_seen: 'nobody' });
    await eve.socket.request('presence.watch', { user_ids: [ann.id, cem.id] });
    await ann.open();
    // Who comes after it is told, so what is missing will not come.
    await cem.open();
    await eve.socket.event('presence', { user_id: cem.id, online: true });
    expect(eve.socket.events('presence', { user_id: ann.id })).to.deep.equal([]);
  });

  it('let everybody, contacts or nobody open a private chat; in one that is there both write', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    await befriend(ann, bob);
    await set(ann, { messages: 'contacts' });
    const to = { user_id: ann.id };
    const open = { chat_type: 'private', user_id: ann.id } as const;
    await refused(eve.socket.refusal('message.send', { ...to, ...text() }), 'forbidden', 'privacy');
    await refused(eve.socket.refusal('chat.create', open), 'forbidden', 'privacy');
    const { chat_id } = await bob.socket.request('message.send', { ...to, ...text() });
    await set(ann, { messages: 'nobody' });
    await bob.socket.request('message.send', { chat_id, ...text() });
    expect((await bob.socket.request('chat.create', open)).chat.id).to.equal(chat_id);
    await ann.socket.request('message.send', { user_id: eve.id, ...text() });
    await eve.socket.request('message.send', { ...to, ...text() });
  });

  it('let everybody, contacts or nobody add them to groups', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    await befriend(ann, bob);
    await set(ann, { groups: 'contacts' });
    const added = async (by: Person, group: Chat) =>
      (await by.socket.request('member.add', { chat_id: group.id, user_ids: [ann.id] })).not_added;
    expect(await added(eve, await newGroup(eve))).to.deep.equal([ann.id]);
    expect(await added(bob, await newGroup(bob))).to.deep.equal([]);
    const group = { chat_type: 'group' as const, title: say(), member_ids: [ann.id] };
    const { errors } = await refused(eve.socket.refusal('chat.create', group), 'forbidden', 'privacy');
    expect(errors).to.deep.equal([{ path: '/member_ids/0', message: 'may not be added by you' }]);
    await bob.socket.request('chat.create', group);
    await set(ann, { groups: 'nobody' });
    expect(await added(bob, await newGroup(bob))).to.deep.equal([ann.id]);
  });
});

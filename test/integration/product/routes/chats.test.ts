import { expect } from 'chai';
import type { Chat, ChatEntry, Member, Message } from '../../../../schemas/chat/wire.ts';
import { newId } from '../../../../schemas/ids.ts';
import type { Problem } from '../../../../schemas/rest/problem.ts';
import { everybodyHears } from '../support/expected.ts';
import { everyPage } from '../support/pages.ts';
import { useProduct } from '../support/program.ts';
import { freshName, say } from '../support/secrets.ts';
import { newGroup, newPeople, newPrivate, newUser, type Person, type User } from '../support/users.ts';

async function refused(by: User, method: string, path: string, body?: object) {
  const { status, body: problem } = await by.rest<Problem>(method, path, body);
  return [status, problem.reason];
}

describe('the twins over REST', () => {
  useProduct();

  it('make a group with 201, a private chat with 201, and find it again with 200', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const create = (body: object) => ann.rest<Chat>('POST', '/api/v1/chats', body);
    const group = await create({ type: 'group', title: say(), member_ids: [bob.id] });
    expect(group.status).to.equal(201);
    const { chat } = await bob.socket.event('chat.new');
    expect(chat).to.deep.equal({ ...group.body, role: 'member' });
    const first = await create({ type: 'private', user_id: bob.id });
    const again = await create({ type: 'private', username: bob.username });
    expect([first.status, again.status]).to.deep.equal([201, 200]);
    expect(again.body).to.deep.equal(first.body);
    for (const [body, ...expected] of [
      [{ type: 'private', user_id: ann.id }, 422, 'oneself'],
      [{ type: 'private', user_id: newId() }, 404, 'no_user'],
      [{ type: 'group' }, 422, 'title_required'],
      [{ type: 'group', title: say(), member_ids: [newId()] }, 404, 'no_user'],
    ] as const)
      expect(await refused(ann, 'POST', '/api/v1/chats', body)).to.deep.equal(expected);
  });

  it('say over sockets what they did', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const path = `/api/v1/chats/${chat_id}`;
    const both = [ann, bob];
    const sent = await ann.rest<Message>('POST', `${path}/messages`, { text: say() });
    const { seq } = sent.body;
    expect(await everybodyHears(both, 'message.new', { chat_id, seq })).to.deep.equal(sent.body);
    for (const [method, more, body] of [
      ['PATCH', '', { text: say() }],
      ['PUT', '/reaction', { emoji: '👍' }],
      ['DELETE', '/reaction', undefined],
      ['DELETE', '', undefined],
    ] as const) {
      const { body: done } = await ann.rest<{ seq: number }>(method, `${path}/messages/${seq}${more}`, body);
      await everybodyHears(both, 'message.changed', { chat_id, changed_seq: done.seq });
    }
    await bob.rest('POST', `${path}/read`, { seq });
    await ann.socket.event('read', { chat_id, user_id: bob.id, seq });
    await bob.rest('POST', `${path}/typing`, { active: true });
    await ann.socket.event('typing', { chat_id, user_id: bob.id, active: true });
    const update = await ann.rest<{ seq: number }>('PATCH', path, { title: say() });
    await everybodyHears(both, 'message.new', { chat_id, seq: update.body.seq });
    await bob.rest('DELETE', path);
    await bob.socket.event('chat.gone', { chat_id });
  });

  it('send each message once for its client_id, and twice without one', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id } = await newPrivate(ann, bob);
    const send = async (client_id?: string) => {
      const body = { text: say(), ...(client_id !== undefined && { client_id }) };
      return (await ann.rest<Message>('POST', `/api/v1/chats/${id}/messages`, body)).body;
    };
    const client_id = newId();
    const first = await send(client_id);
    expect(await send(client_id.toUpperCase())).to.deep.equal(first);
    const [one, two] = [await send(), await send()];
    expect([one.seq, two.seq]).to.deep.equal([first.seq + 1, first.seq + 2]);
    expect(one.client_id).not.to.equal(two.client_id);
  });

  it('refuse as the frames do', async () => {
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    const group = await newGroup(ann, bob, cem);
    const pair = await newPrivate(ann, bob);
    const path = `/api/v1/chats/${group.id}`;
    const private_ = `/api/v1/chats/${pair.id}`;
    const { body: message } = await bob.rest<Message>('POST', `${path}/messages`, { text: say() });
    const own = `${path}/messages/${message.seq}`;
    const cases: [Person, string, string, object | undefined, number, string][] = [
      [bob, 'PATCH', path, { title: say() }, 403, 'not_admin'],
      [ann, 'PATCH', private_, { title: say() }, 403, 'private_chat'],
      [ann, 'DELETE', private_, undefined, 403, 'private_chat'],
      [ann, 'POST', `${private_}/join`, undefined, 403, 'private_chat'],
      [ann, 'POST', `${private_}/members`, { user_ids: [cem.id] }, 403, 'private_chat'],
      [bob, 'PATCH', `${path}/members/${cem.id}`, { role: 'admin' }, 403, 'not_admin'],
      [ann, 'PATCH', `${path}/members/${ann.id}`, { role: 'member' }, 403, 'owner'],
      [bob, 'DELETE', `${path}/members/${cem.id}`, undefined, 403, 'not_admin'],
      [cem, 'PATCH', own, { text: say() }, 403, 'not_author'],
      [cem, 'DELETE', own, undefined, 403, 'not_author'],
      [ann, 'PATCH', `${path}/messages/1`, { text: say() }, 403, 'service_message'],
      [ann, 'PUT', `${path}/messages/1/reaction`, { emoji: '👍' }, 403, 'service_message'],
      [ann, 'POST', `${path}/messages`, { text: say(), reply_to: 99 }, 422, 'reply_not_found'],
    ];
    for (const [by, method, to, body, ...expected] of cases)
      expect(await refused(by, method, to, body)).to.deep.equal(expected);
    const two = await ann.rest<Problem>('GET', `${path}/messages?before=2&after=1`);
    expect([two.status, two.body.errors?.length]).to.deep.equal([400, 1]);
    await ann.rest('DELETE', own);
    expect(await refused(bob, 'PATCH', own, { text: say() })).to.deep.equal([410, 'already_deleted']);
    const username = freshName();
    await ann.rest('PATCH', path, { username });
    const other = await newGroup(ann);
    const taken = await refused(ann, 'PATCH', `/api/v1/chats/${other.id}`, { username });
    expect(taken).to.deep.equal([409, 'username_taken']);
    await ann.rest('DELETE', `${path}/members/${cem.id}`);
    expect(await refused(cem, 'POST', `${path}/join`)).to.deep.equal([403, 'removed']);
  });

  it('list chats by type and search, page by page, newest activity first, and only one’s own', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    const groups = [await newGroup(ann, bob), await newGroup(ann, bob), await newGroup(ann)];
    const pair = await newPrivate(ann, bob);
    await ann.rest('POST', `/api/v1/chats/${groups[0]?.id}/messages`, { text: say() });
    await newGroup(eve);
    const list = async (query: string) =>
      (await everyPage<ChatEntry>(ann, `/api/v1/chats?${query}`)).map(({ chat }) => chat.id);
    const [one, two, three] = groups.map(({ id }) => id);
    for (const query of ['', 'limit=1', 'limit=2', 'limit=100'])
      expect(await list(query)).to.deep.equal([one, pair.id, three, two]);
    expect(await list('type=private')).to.deep.equal([pair.id]);
    expect(await list('type=group&limit=2')).to.deep.equal([one, three, two]);
    expect(await list(`search=${encodeURIComponent(groups[1]?.title?.toUpperCase() ?? '')}`)).to.deep.equal([
      two,
    ]);
    expect(await list(`search=${bob.username}`)).to.deep.equal([pair.id]);
    expect(await list('search=nothing-of-that-name')).to.deep.equal([]);
  });

  it('list members page by page, and the history as frames do', async () => {
    const [ann] = await newPeople('ann');
    const others = await Promise.all([1, 2, 3, 4].map(() => newUser('more')));
    const member_ids = others.map(({ id }) => id);
    const { body: chat } = await ann.rest<Chat>('POST', '/api/v1/chats', {
      type: 'group',
      title: say(),
      member_ids,
    });
    const found = await everyPage<Member>(ann, `/api/v1/chats/${chat.id}/members?limit=2`);
    expect(found.map(({ user }) => user.id)).to.deep.equal([ann.id, ...member_ids]);
    for (const query of ['', 'limit=2', 'before=4', 'after=2', 'after=0&limit=3', 'around=3&limit=3']) {
      const fields = Object.fromEntries(
        [...new URLSearchParams(query)].map(([name, value]) => [name, Number(value)]),
      );
      const { body } = await ann.rest('GET', `/api/v1/chats/${chat.id}/messages?${query}`);
      expect(body).to.deep.equal(await ann.socket.request('history', { chat_id: chat.id, ...fields }));
    }
  });
});

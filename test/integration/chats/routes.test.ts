import { expect } from 'chai';
import { chatRoutes } from '../../../gateway/http/routes/chats.ts';
import type { Chat, ChatEntry, Member, Message } from '../../../schemas/chat/wire.ts';
import { type Refusal, refusalOf } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { type Ask, type Chats, startChats } from './support.ts';

const chatsPath = '/api/v1/chats';
const chatPath = `${chatsPath}/{id}`;
const messagesPath = `${chatPath}/messages`;
const messagePath = `${messagesPath}/{seq}`;

describe('chat routes', function () {
  this.timeout(60_000);
  let chats: Chats;
  let owner: string;
  let member: string;
  let stranger: string;
  let id: string;

  before(async () => {
    chats = await startChats();
    [owner, member, stranger] = [await chats.aUser(), await chats.aUser(), await chats.aUser()];
  });
  after(() => chats?.stop());

  beforeEach(async () => {
    ({ id } = await chats.group(owner, [member]));
  });

  const refused = (asked: Promise<unknown>): Promise<Refusal | undefined> =>
    asked.then(() => undefined, refusalOf);
  const say = (by: string, text: string, more: object = {}) =>
    chats.rest<Message>(by, `POST ${messagesPath}`, { params: { id }, body: { text, ...more } });

  it('making a chat answers 201, finding the private one 200', async () => {
    const body = { type: 'private', user_id: stranger };
    const made = await chats.rest<Chat>(owner, `POST ${chatsPath}`, { body });
    expect(made.status).to.equal(201);
    const found = await chats.rest<Chat>(owner, `POST ${chatsPath}`, { body });
    expect(found.status).to.equal(200);
    expect(found.body.id).to.equal(made.body.id);
    const group = await chats.rest<Chat>(owner, `POST ${chatsPath}`, {
      body: { type: 'group', title: 'By REST', about: 'about', member_ids: [member] },
    });
    expect(group.body).to.deep.include({ title: 'By REST', about: 'about', members_count: 2, role: 'owner' });
    const listed = await chats.rest<{ items: ChatEntry[] }>(owner, `GET ${chatsPath}`, {
      query: { limit: '1' },
    });
    expect(listed.body.items[0]?.chat.id).to.equal(group.body.id);
  });

  it('a chat is read, changed and left', async () => {
    const changed = await chats.rest(owner, `PATCH ${chatPath}`, {
      params: { id },
      body: { title: 'Renamed', about: null },
    });
    expect(changed.body).to.deep.equal({ seq: 3 });
    const { body } = await chats.rest<Chat>(member, `GET ${chatPath}`, { params: { id } });
    expect(body).to.deep.include({ title: 'Renamed', role: 'member', head: 3 });
    expect((await chats.rest(member, `DELETE ${chatPath}`, { params: { id } })).body).to.deep.equal({
      seq: 4,
    });
    expect((await refused(chats.rest(member, `GET ${chatPath}`, { params: { id } })))?.code).to.equal(
      'not_found',
    );
  });

  it('members are listed, added, appointed and removed', async () => {
    const params = { id };
    const added = await chats.rest(member, `POST ${chatPath}/members`, {
      params,
      body: { user_ids: [stranger] },
    });
    expect(added.body).to.deep.equal({ seq: 3, not_added: [] });
    const one = { params: { id, user_id: stranger } };
    const role = await chats.rest(owner, `PATCH ${chatPath}/members/{user_id}`, {
      ...one,
      body: { role: 'admin' },
    });
    expect(role.body).to.deep.equal({ seq: 4 });
    const { body } = await chats.rest<{ items: Member[]; next_cursor: string | null }>(
      owner,
      `GET ${chatPath}/members`,
      { params, query: { limit: '2' } },
    );
    expect(body.items.map(({ user, role: held }) => [user.id, held])).to.deep.equal([
      [owner, 'owner'],
      [member, 'member'],
    ]);
    const rest = await chats.rest<{ items: Member[] }>(owner, `GET ${chatPath}/members`, {
      params,
      query: { cursor: body.next_cursor ?? '' },
    });
    expect(rest.body.items.map(({ user, role: held }) => [user.id, held])).to.deep.equal([
      [stranger, 'admin'],
    ]);
    const removed = await chats.rest(owner, `DELETE ${chatPath}/members/{user_id}`, one);
    expect(removed.body).to.deep.equal({ seq: 5 });
  });

  it('joining a public group answers the chat', async () => {
    await chats.rest(owner, `PATCH ${chatPath}`, { params: { id }, body: { username: 'routes_house' } });
    const { body } = await chats.rest<Chat>(stranger, `POST ${chatPath}/join`, { params: { id } });
    expect(body).to.deep.include({ id, role: 'member', members_count: 3, username: 'routes_house' });
  });

  it('sending answers 201 with the message; the same client_id gives the same message', async () => {
    const client_id = newId();
    const sent = await say(owner, 'hello', { client_id, reply_to: 1 });
    expect(sent.status).to.equal(201);
    expect(sent.body).to.deep.include({ seq: 3, text: 'hello', client_id, reply_to: 1, sender_id: owner });
    await say(owner, 'another');
    expect((await say(owner, 'hello', { client_id })).body).to.deep.equal(sent.body);
  });

  it('messages are edited, reacted to, and deleted', async () => {
    await say(owner, 'hello');
    const params = { id, seq: '3' };
    expect(
      (await chats.rest(owner, `PATCH ${messagePath}`, { params, body: { text: 'bye' } })).body,
    ).to.deep.equal({
      seq: 4,
    });
    const reacted = await chats.rest(member, `PUT ${messagePath}/reaction`, {
      params,
      body: { emoji: '👍' },
    });
    expect(reacted.body).to.deep.equal({ seq: 5 });
    expect((await chats.rest(member, `DELETE ${messagePath}/reaction`, { params })).body).to.deep.equal({
      seq: 6,
    });
    expect((await chats.rest(owner, `DELETE ${messagePath}`, { params })).body).to.deep.equal({ seq: 7 });
    expect(await refused(chats.rest(owner, `DELETE ${messagePath}`, { params }))).to.deep.include({
      code: 'gone',
      reason: 'already_deleted',
    });
  });

  it('the history is paged by its query', async () => {
    for (const text of ['a', 'b', 'c', 'd']) await say(owner, text);
    const read = async (query: Record<string, string>) => {
      const { body } = await chats.rest<{ messages: Message[]; has_more: boolean }>(
        member,
        `GET ${messagesPath}`,
        {
          params: { id },
          query,
        },
      );
      return body.messages.map(({ text }) => text).join('');
    };
    expect(await read({ limit: '2' })).to.equal('dc');
    expect(await read({ before: '5', limit: '2' })).to.equal('ba');
    expect(await read({ after: '4' })).to.equal('cd');
    expect(await read({ around: '4', limit: '2' })).to.equal('cb');
    expect((await refused(read({ limit: '201' })))?.code).to.equal('invalid');
    expect((await refused(read({ before: '3', after: '3' })))?.code).to.equal('invalid');
  });

  it('read marks, typing and sync have their twins', async () => {
    await say(owner, 'hello');
    const read = await chats.rest(member, `POST ${chatPath}/read`, { params: { id }, body: { seq: 99 } });
    expect(read.body).to.deep.equal({ read: 3 });
    const typing = await chats.rest(member, `POST ${chatPath}/typing`, {
      params: { id },
      body: { active: true },
    });
    expect(typing.status).to.equal(204);
    const told = chats.envelopes.filter(({ subject }) => subject === `chat.${id}`);
    expect(told.map(({ envelope }) => JSON.parse(envelope.frame).type).slice(-2)).to.deep.equal([
      'read',
      'typing',
    ]);
    const synced = await chats.rest<{ chats: ChatEntry[]; gone: string[] }>(member, 'POST /api/v1/sync', {
      body: { chats: { [id]: [3, 3] } },
    });
    expect(synced.body.chats.map(({ chat }) => chat.id)).not.to.include(id);
    expect(synced.body.gone).to.deep.equal([]);
  });

  it("other people's chats, and what is no id or seq, are not found on any route", async () => {
    await say(owner, 'hello');
    const bodies: Record<string, object> = {
      [`PATCH ${chatPath}`]: { title: 'x' },
      [`POST ${chatPath}/members`]: { user_ids: [] },
      [`PATCH ${chatPath}/members/{user_id}`]: { role: 'admin' },
      [`POST ${messagesPath}`]: { text: 'x' },
      [`PATCH ${messagePath}`]: { text: 'x' },
      [`PUT ${messagePath}/reaction`]: { emoji: 'x' },
      [`POST ${chatPath}/read`]: { seq: 1 },
      [`POST ${chatPath}/typing`]: { active: true },
    };
    const ofOne = chatRoutes.filter(({ path }) => path.includes('{id}'));
    expect(ofOne.length).to.be.greaterThan(14);
    for (const { method, path } of ofOne) {
      const name = `${method} ${path}`;
      const ask = (params: Record<string, string>): Ask => {
        const body = bodies[name];
        return { params: { id, user_id: member, seq: '3', ...params }, ...(body && { body }) };
      };
      expect((await refused(chats.rest(stranger, name, ask({}))))?.code, name).to.equal('not_found');
      expect((await refused(chats.rest(owner, name, ask({ id: 'me' }))))?.code, name).to.equal('not_found');
      if (path.includes('{seq}'))
        for (const seq of ['0', '-1', '1.5', 'x', '99999999999999999999'])
          expect((await refused(chats.rest(owner, name, ask({ seq }))))?.code, name).to.equal('not_found');
    }
  });

  it('bodies are held to their schemas', async () => {
    const bad: [string, object][] = [
      [`POST ${chatsPath}`, { type: 'channel', title: 'x' }],
      [`POST ${chatsPath}`, { type: 'group', title: ' ' }],
      [`POST ${messagesPath}`, { text: '' }],
      [`POST ${messagesPath}`, { text: 'x'.repeat(4097) }],
      [`POST ${messagesPath}`, { text: 'x', client_id: 'x' }],
      [`PATCH ${chatPath}`, { photo: 'x' }],
      [`PUT ${messagePath}/reaction`, { emoji: '' }],
    ];
    for (const [name, body] of bad) {
      const asked = chats.rest(owner, name, { params: { id, seq: '3' }, body });
      expect((await refused(asked))?.code, name).to.equal('invalid');
    }
  });
});

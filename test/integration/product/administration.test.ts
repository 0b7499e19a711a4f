import { expect } from 'chai';
import type { Message } from '../../../schemas/chat/wire.ts';
import type { AuditList } from '../../../schemas/rest/admin.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import { giveRole } from '../../support/roles.ts';
import { message } from './frames/cases.ts';
import { get, uploaded } from './media/support.ts';
import { product, useProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import { newGroup, newPeople, newPrivate, newUser, staff } from './support/users.ts';

describe('a banned user', () => {
  useProduct();

  it('is out at once: open sockets, tokens, tickets and refreshing, on every device', async () => {
    const { moderator } = await staff();
    const [eve, bob] = await newPeople('eve', 'bob');
    const chat = await newGroup(bob, eve);
    const phone = await eve.again();
    const sockets = [eve.socket, await phone.open(), await phone.open()];
    const { body: ticket } = await eve.rest<{ ticket: string }>('POST', '/api/v1/ws-ticket');
    expect((await moderator.rest('POST', `/admin/users/${eve.id}/ban`)).status).to.equal(200);
    for (const socket of sockets) expect(await socket.end()).to.include({ code: 4003 });
    for (const { tokens } of [eve, phone]) {
      const { status, body } = await rest<Problem>('GET', '/me', { token: tokens.access_token });
      expect([status, body.reason]).to.deep.equal([401, 'login_revoked']);
      const again = { body: { refresh_token: tokens.refresh_token } };
      expect((await rest('POST', '/api/v1/auth/refresh', again)).status).to.equal(401);
    }
    expect((await rest('GET', `/api/v1/events?ticket=${ticket.ticket}`)).status).to.equal(401);
    const { username, password } = eve;
    const entry = { body: { username, password } };
    const refused = await rest<Problem>('POST', '/api/v1/auth/login', entry);
    expect([refused.status, refused.body.reason]).to.deep.equal([403, 'banned']);
    await bob.socket.request('message.send', message(chat.id));

    expect((await moderator.rest('POST', `/admin/users/${eve.id}/unban`)).status).to.equal(200);
    const back = await eve.again();
    expect((await back.rest('GET', `/api/v1/chats/${chat.id}`)).status).to.equal(200);
    expect((await rest('GET', '/me', { token: eve.tokens.access_token })).status).to.equal(401);
  });
});

describe('nobody rises by himself', () => {
  useProduct();

  it('by a role in a body that has no place for one, nor in a token, a query or a header', async () => {
    const eve = await newUser('eve');
    const role = 'admin';
    for (const [method, path, body] of [
      ['PATCH', '/me', { role }],
      ['PATCH', '/me', { settings: { role }, bio: 'x' }],
      ['PUT', `/admin/users/${eve.id}/role?role=admin`, { role }],
      ['POST', '/api/v1/auth/login', { username: eve.username, password: eve.password, role }],
      ['POST', '/api/v1/auth/refresh', { refresh_token: eve.tokens.refresh_token, role }],
      [
        'POST',
        '/api/v1/auth/password',
        { current_password: eve.password, new_password: 'x'.repeat(9), role },
      ],
    ] as const)
      await eve.rest(method, path, body, { headers: { 'x-role': role, 'x-user-role': role } });
    const { body } = await eve.rest<{ role: string }>('GET', '/me');
    expect(body.role).to.equal('user');
    expect((await eve.rest('GET', '/admin/audit')).status).to.equal(403);
  });

  it('a moderator neither names admins or moderators, nor bans or frees one, nor reads the audit log', async () => {
    const { moderator, admin } = await staff();
    const [peer, eve] = [await newUser('peer'), await newUser('eve')];
    await giveRole(product().url, peer.id, 'moderator');
    const ask = async (method: string, path: string, body?: object) => {
      const answer = await moderator.rest<Problem>(method, path, body);
      return [answer.status, answer.body.reason];
    };
    const below = [403, 'role_not_lower'];
    for (const { id } of [moderator, peer, admin])
      for (const act of ['ban', 'unban'])
        expect(await ask('POST', `/admin/users/${id}/${act}`)).to.deep.equal(below);
    for (const { id } of [moderator, peer, admin, eve])
      for (const role of ['user', 'moderator', 'admin'])
        expect(await ask('PUT', `/admin/users/${id}/role`, { role })).to.deep.equal([403, 'not_permitted']);
    expect(await ask('GET', '/admin/audit')).to.deep.equal([403, 'not_permitted']);
    for (const { rest } of [moderator, admin]) expect((await rest('GET', '/me')).status).to.equal(200);
  });

  it('the last admin stays, whatever he asks for', async () => {
    const { admin } = await staff();
    const { id, password } = admin;
    for (const [method, path, body] of [
      ['PUT', `/admin/users/${id}/role`, { role: 'user' }],
      ['POST', '/me/delete', { password }],
      ['DELETE', '/me', { password }],
      ['DELETE', `/me?password=${encodeURIComponent(password)}`, undefined],
    ] as const) {
      const { status, body: said } = await admin.rest<Problem>(method, path, body);
      expect({ path, status, reason: said.reason }).to.deep.equal({
        path,
        status: 409,
        reason: 'last_admin',
      });
    }
    const query = `/admin/audit?actor=${id}&action=account_delete`;
    expect((await admin.rest<AuditList>('GET', query)).body.items).to.deep.equal([]);
  });
});

describe('a deleted account', () => {
  useProduct();

  it('takes its files with it: their URLs lead nowhere, signed ones too', async () => {
    const user = await newUser();
    const file = await uploaded(user, { bytes: 'what I wrote', name: 'diary.txt' });
    expect((await get(file.url ?? '')).status).to.equal(200);
    expect((await user.rest('POST', '/me/delete', { password: user.password })).status).to.equal(204);
    expect((await get(file.url ?? '')).status).to.equal(404);
  });

  it('leaves its messages where they are, as those of a deleted account, wherever they are read', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const group = await newGroup(bob, ann);
    const pair = await newPrivate(bob, ann);
    const said = [];
    for (const id of [group.id, pair.id]) {
      const sent = message(id);
      const { seq } = await ann.socket.request('message.send', sent);
      await bob.socket.until('the message', () =>
        bob.socket.events('message.new').some((event) => event.chat_id === id && event.seq === seq),
      );
      said.push({ id, seq, text: sent.text });
    }
    const from = bob.socket.frames.length;
    expect((await ann.rest('POST', '/me/delete', { password: ann.password })).status).to.equal(204);
    expect(await ann.socket.end()).to.include({ code: 4003 });
    expect((await ann.rest('GET', '/me')).status).to.equal(401);

    const deleted = { id: ann.id, username: '', display_name: 'deleted account', avatar: null };
    for (const { id, seq, text } of said) {
      const { body } = await bob.rest<{ messages: Message[] }>('GET', `/api/v1/chats/${id}/messages`);
      expect(body.messages.find((one) => one.seq === seq)).to.include({ sender_id: ann.id, text });
      const { messages } = await bob.socket.request('history', { chat_id: id, limit: 50 });
      expect(messages.find((one) => one.seq === seq)).to.include({ sender_id: ann.id, text });
    }
    const { members } = await bob.socket.request('chat.get', { chat_id: group.id });
    expect(members.map(({ user }) => user).find(({ id }) => id === ann.id)).to.deep.equal(deleted);
    const { chat } = await bob.socket.request('chat.get', { chat_id: pair.id });
    expect(chat.peer).to.deep.equal(deleted);
    const sync = await bob.socket.request('sync', {});
    expect(sync.chats.find((entry) => entry.chat.id === pair.id)?.chat.peer).to.deep.equal(deleted);
    const list = await bob.rest<{ items: { chat: { id: string; peer?: object } }[] }>(
      'GET',
      '/api/v1/chats?type=private',
    );
    expect(list.body.items.map((item) => item.chat.peer)).to.deep.equal([deleted]);
    const found = await bob.rest<{ items: Message[] }>(
      'GET',
      `/messages/search?q=hushhush&chat_id=${pair.id}`,
    );
    for (const item of found.body.items) expect(item.sender_id).to.equal(ann.id);
    for (const path of [`/api/v1/users/${ann.id}`, `/api/v1/users/${ann.username}`])
      expect((await bob.rest('GET', path)).status).to.equal(404);
    const users = await bob.rest<{ items: object[] }>('GET', `/api/v1/users?search=${ann.username}&limit=5`);
    expect(JSON.stringify(users.body)).to.not.include(ann.id);

    const name = ann.username;
    const later = [
      bob.socket.frames.slice(from),
      list.body,
      sync,
      (await bob.rest('GET', `/api/v1/chats/${group.id}/members`)).body,
    ];
    expect(JSON.stringify(later)).to.not.include(name);
    const anew = await bob.rest<Problem>('POST', '/api/v1/chats', { type: 'private', user_id: ann.id });
    expect([200, 404]).to.include(anew.status);
    expect(JSON.stringify(anew.body)).to.not.include(name);
  });
});

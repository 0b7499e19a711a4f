import { expect } from 'chai';
import type { Chat, Message } from '../../../../schemas/chat/wire.ts';
import { newId } from '../../../../schemas/ids.ts';
import type { Tokens } from '../../../../schemas/rest/accounts.ts';
import type { AuditList, ManagedUser, ManagedUserList } from '../../../../schemas/rest/admin.ts';
import type { File, Presigned } from '../../../../schemas/rest/media.ts';
import type { FoundMessage, FoundMessages } from '../../../../schemas/rest/messages.ts';
import type { Role } from '../../../../schemas/roles.ts';
import type { Scene } from '../frames/cases.ts';
import { aForm, png, promised, promisedForm, sentBy, uploaded } from '../media/support.ts';
import { codeFor } from '../support/mails.ts';
import { rest } from '../support/rest.ts';
import { freshAddress, freshName, freshPassword, keepSecret, say } from '../support/secrets.ts';
import { newUser, type User } from '../support/users.ts';

/** A request, but for its method and token. */
export interface Asked {
  path: string;
  body?: Record<string, unknown>;
  /** Instead of it: bytes, with their headers. */
  raw?: Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}

/** One row per route: a request that is good when it is the owner's. */
export interface RouteCase {
  good(scene: Scene): Asked | Promise<Asked>;
  status: number;
  /** A route about a chat is 404 to whoever is not in that chat. */
  about: 'a chat' | 'oneself' | 'anybody';
  /** What the schema of the answer does not say. */
  answers?(body: never, scene: Scene): void;
  /** The roles that may ask it, an admin among them; the good request is an admin's. */
  roles?: readonly Role[];
  /** Ends the login that asks: nothing more may be asked with its token. */
  ends?: true;
}

const inChat =
  (more: string, body?: (scene: Scene) => Record<string, unknown>) =>
  (scene: Scene): Asked => ({
    path: `/api/v1/chats/${scene.group}${more.replace('{seq}', String(scene.seq)).replace('{member}', scene.member.id)}`,
    ...(body && { body: body(scene) }),
  });

const at = (path: string, body?: () => Record<string, unknown>) => (): Asked => ({
  path,
  ...(body && { body: body() }),
});

const newcomer = () => ({
  email: freshAddress(),
  username: freshName(),
  name: say('Name'),
  password: freshPassword(),
});

async function verifiedUser(): Promise<User> {
  const user = await newUser();
  await user.rest('POST', '/api/v1/auth/email/verify', { code: await codeFor(user.email) });
  return user;
}

const open = { status: 200, about: 'anybody' } as const;
const own = { status: 200, about: 'oneself' } as const;
const chat = { status: 200, about: 'a chat' } as const;

export const routeCases: Readonly<Record<string, RouteCase>> = {
  'GET /health': { ...open, good: at('/health') },
  'GET /live': { ...open, good: at('/live') },
  'GET /ready': { ...open, good: at('/ready') },
  'GET /metrics': { ...open, good: at('/metrics') },
  'GET /.well-known/jwks.json': {
    ...open,
    good: at('/.well-known/jwks.json'),
    answers({ keys }: { keys: object[] }) {
      expect(keys).to.have.length(1);
      expect(keys[0]).to.have.all.keys('kty', 'crv', 'x', 'y', 'kid', 'use', 'alg');
    },
  },

  'GET /api/v1/users/{id}/presence': {
    ...own,
    good: ({ member }) => ({ path: `/api/v1/users/${member.id}/presence` }),
    answers: (body: object) => expect(body).to.deep.equal({ online: true, last_seen_at: null }),
  },
  'GET /api/v1/events': {
    ...own,
    good: at('/api/v1/events'),
    // Its first events may have come along.
    answers: (body: string) => expect(body).to.match(/^retry: 2000\n\n/),
  },
  'POST /presence/ping': { ...own, status: 204, good: at('/presence/ping') },
  'POST /api/v1/presence': {
    ...own,
    good: ({ member }) => ({ path: '/api/v1/presence', body: { user_ids: [member.id] } }),
    answers(body: object, { member }) {
      expect(body).to.deep.equal({ users: [{ user_id: member.id, online: true, last_seen_at: null }] });
    },
  },

  'POST /api/v1/auth/register': {
    ...open,
    status: 201,
    good: at('/api/v1/auth/register', () => ({
      email: freshAddress(),
      username: freshName(),
      password: freshPassword(),
      first_name: say('First'),
      last_name: null,
    })),
    answers: keepTokens,
  },
  'POST /api/v1/auth/login': {
    ...open,
    good: ({ owner }) => ({
      path: '/api/v1/auth/login',
      body: { username: owner.username, password: owner.password },
    }),
    answers: keepTokens,
  },
  'POST /api/v1/auth/refresh': {
    ...open,
    good: async ({ owner }) => {
      const { tokens } = await owner.again();
      return { path: '/api/v1/auth/refresh', body: { refresh_token: tokens.refresh_token } };
    },
    answers: keepTokens,
  },
  'POST /api/v1/auth/logout': { ...own, status: 204, good: at('/api/v1/auth/logout'), ends: true },
  'POST /api/v1/auth/logout-all': { ...own, status: 204, good: at('/api/v1/auth/logout-all'), ends: true },
  'GET /api/v1/auth/logins': {
    ...own,
    good: at('/api/v1/auth/logins?limit=5'),
    answers(
      { items, next_cursor }: { items: { id: string; current: boolean }[]; next_cursor: null },
      { owner },
    ) {
      expect(next_cursor).to.equal(null);
      expect(items.filter(({ current }) => current).map(({ id }) => id)).to.deep.equal([owner.login_id]);
    },
  },
  'DELETE /api/v1/auth/logins/{id}': {
    ...own,
    status: 204,
    good: async ({ owner }) => ({ path: `/api/v1/auth/logins/${(await owner.again()).login_id}` }),
  },
  'POST /api/v1/auth/password': {
    ...own,
    status: 204,
    good: ({ owner }) => ({
      path: '/api/v1/auth/password',
      body: { current_password: owner.password, new_password: freshPassword() },
    }),
  },
  'POST /me/delete': {
    ...own,
    status: 204,
    ends: true,
    good: ({ owner }) => ({ path: '/me/delete', body: { password: owner.password } }),
  },
  'DELETE /me': {
    ...own,
    status: 204,
    ends: true,
    good: ({ owner }) => ({ path: '/me', body: { password: owner.password } }),
  },
  'GET /admin/users': {
    ...own,
    roles: ['moderator', 'admin'],
    good: ({ stranger }) => ({ path: `/admin/users?search=${stranger.username}&limit=1` }),
    answers({ items }: ManagedUserList, { stranger }) {
      expect(items.map(({ id }) => id)).to.deep.equal([stranger.id]);
    },
  },
  'POST /admin/users/{id}/ban': {
    ...own,
    roles: ['moderator', 'admin'],
    good: ({ other }) => ({ path: `/admin/users/${other.id}/ban` }),
    answers: ({ id, banned_at }: ManagedUser, { other }) =>
      expect([id, banned_at === null]).to.deep.equal([other.id, false]),
  },
  'POST /admin/users/{id}/unban': {
    ...own,
    roles: ['moderator', 'admin'],
    good: ({ other }) => ({ path: `/admin/users/${other.id}/unban` }),
    answers: (body: ManagedUser, { other }) => expect(body).to.include({ id: other.id, banned_at: null }),
  },
  'PUT /admin/users/{id}/role': {
    ...own,
    roles: ['admin'],
    good: ({ other }) => ({ path: `/admin/users/${other.id}/role`, body: { role: 'moderator' } }),
    answers: (body: ManagedUser, { other }) => expect(body).to.include({ id: other.id, role: 'moderator' }),
  },
  'GET /admin/audit': {
    ...own,
    roles: ['admin'],
    good: ({ stranger }) => ({ path: `/admin/audit?actor=${stranger.id}&limit=5` }),
    answers: ({ items }: AuditList, { stranger }) =>
      expect(items.map(({ action, actor_id }) => [action, actor_id])).to.deep.equal([
        ['register', stranger.id],
      ]),
  },
  'POST /api/v1/auth/email/verify': {
    ...own,
    good: async ({ owner }) => ({
      path: '/api/v1/auth/email/verify',
      body: { code: await codeFor(owner.email) },
    }),
    answers: (body: object, { owner }) =>
      expect(body).to.include({ id: owner.id, email: owner.email, email_verified: true }),
  },
  'POST /api/v1/auth/email': {
    ...own,
    status: 202,
    good: ({ owner }) => ({
      path: '/api/v1/auth/email',
      body: { email: freshAddress(), current_password: owner.password },
    }),
  },
  'POST /api/v1/auth/password/forgot': {
    ...open,
    status: 202,
    good: ({ owner }) => ({ path: '/api/v1/auth/password/forgot', body: { email: owner.email } }),
  },
  'POST /api/v1/auth/password/reset': {
    ...open,
    status: 204,
    good: async () => {
      const { email } = await verifiedUser();
      await rest('POST', '/api/v1/auth/password/forgot', { body: { email } });
      const code = await codeFor(email, 2);
      return { path: '/api/v1/auth/password/reset', body: { email, code, new_password: freshPassword() } };
    },
  },
  'POST /api/v1/register': {
    ...open,
    status: 202,
    good: at('/api/v1/register', newcomer),
  },
  'POST /api/v1/verify-register': {
    ...open,
    status: 201,
    good: async () => {
      const body = newcomer();
      await rest('POST', '/api/v1/register', { body });
      return {
        path: '/api/v1/verify-register',
        body: { email: body.email, code: await codeFor(body.email) },
      };
    },
    answers: keepTokens,
  },
  'POST /api/v1/login': {
    ...open,
    good: ({ owner }) => ({
      path: '/api/v1/login',
      body: { username: owner.username, password: owner.password },
    }),
    answers: keepTokens,
  },
  'POST /auth/email/request': {
    ...open,
    status: 202,
    good: at('/auth/email/request', () => ({ email: freshAddress() })),
  },
  'POST /auth/email/verify': {
    ...open,
    good: async () => {
      const email = freshAddress();
      await rest('POST', '/auth/email/request', { body: { email } });
      return { path: '/auth/email/verify', body: { email, code: await codeFor(email) } };
    },
    answers: keepTokens,
  },
  // Not set up here; set up, with a real provider, they are tested in accounts/google.test.ts.
  'GET /auth/google/login': { ...open, status: 404, good: at('/auth/google/login') },
  'GET /auth/google/callback': { ...open, status: 404, good: at('/auth/google/callback?code=x&state=y') },
  'POST /auth/google/exchange': {
    ...open,
    status: 401,
    good: at('/auth/google/exchange', () => ({ code: say('code') })),
  },
  'POST /auth/v1/signup': {
    ...open,
    good: at('/auth/v1/signup', () => ({
      email: freshAddress(),
      password: freshPassword(),
      data: { username: freshName() },
    })),
    answers: keepSession,
  },
  'POST /auth/v1/token': {
    ...open,
    good: ({ owner }) => ({
      path: '/auth/v1/token?grant_type=password',
      body: { email: owner.email, password: owner.password },
    }),
    answers: keepSession,
  },
  'POST /auth/v1/logout': { ...own, status: 204, good: at('/auth/v1/logout?scope=others') },
  'GET /auth/v1/user': {
    ...own,
    good: at('/auth/v1/user'),
    answers: (body: object, { owner }) => expect(body).to.include({ id: owner.id, email: owner.email }),
  },
  'GET /auth/v1/authorize': {
    ...open,
    status: 404,
    good: at('/auth/v1/authorize?provider=google&redirect_to=https://app.example/'),
  },
  'POST /api/v1/ws-ticket': {
    ...own,
    status: 201,
    good: at('/api/v1/ws-ticket'),
    answers({ ticket, expires_in }: { ticket: string; expires_in: number }) {
      keepSecret(ticket);
      expect(expires_in).to.equal(30);
    },
  },
  'GET /me': {
    ...own,
    good: at('/me'),
    answers: (body: object, { owner }) => expect(body).to.deep.equal(owner.tokens.user),
  },
  'PATCH /me': { ...own, good: at('/me', () => ({ bio: say('bio'), settings: { theme: 'dark' } })) },
  'GET /api/v1/users/profile': {
    ...own,
    good: at('/api/v1/users/profile'),
    answers: (body: object, { owner }) => expect(body).to.deep.equal(owner.tokens.user),
  },
  'PUT /api/v1/users/profile': {
    ...own,
    good: at('/api/v1/users/profile', () => ({ first_name: say('First'), bio: say('bio') })),
    answers: (body: object, { owner }) => expect(body).to.include({ id: owner.id, last_name: null }),
  },
  'GET /api/v1/contacts': {
    ...own,
    good: at('/api/v1/contacts?search=nobody&limit=5'),
    answers: (body: object) => expect(body).to.deep.equal({ items: [], next_cursor: null }),
  },
  'PUT /api/v1/contacts/{user_id}': {
    ...own,
    status: 204,
    good: ({ stranger }) => ({ path: `/api/v1/contacts/${stranger.id}` }),
  },
  'DELETE /api/v1/contacts/{user_id}': {
    ...own,
    status: 204,
    good: ({ stranger }) => ({ path: `/api/v1/contacts/${stranger.id}` }),
  },
  'POST /users/{id}/block': {
    ...own,
    status: 204,
    good: ({ other }) => ({ path: `/users/${other.id}/block` }),
  },
  'DELETE /users/{id}/block': {
    ...own,
    status: 204,
    good: ({ other }) => ({ path: `/users/${other.id}/block` }),
  },
  'GET /me/blocks': { ...own, good: at('/me/blocks?limit=5') },
  'GET /api/v1/user': { ...own, ...searchFor('/api/v1/user?search=') },
  'GET /search': { ...own, ...searchFor('/search?username=') },
  'GET /api/v1/users': { ...own, ...searchFor('/api/v1/users?search=') },
  'GET /api/v1/users/{id}': {
    ...own,
    good: ({ stranger }) => ({ path: `/api/v1/users/${stranger.id}` }),
    answers: (body: object, { stranger }) => expect(body).to.include({ id: stranger.id }),
  },

  'GET /api/v1/chats': {
    ...own,
    good: at('/api/v1/chats?type=group&search=hush&limit=5'),
    answers({ items }: { items: { chat: Chat }[] }, { group }) {
      expect(items.map((item) => item.chat.id)).to.deep.equal([group]);
    },
  },
  'POST /api/v1/chats': {
    ...own,
    status: 201,
    good: ({ other }) => ({
      path: '/api/v1/chats',
      body: { type: 'group', title: say('title'), about: say('about'), member_ids: [other.id] },
    }),
  },
  'GET /api/v1/chats/{id}': { ...chat, good: inChat('') },
  'PATCH /api/v1/chats/{id}': {
    ...chat,
    good: inChat('', () => ({ title: say('title'), about: null, username: freshName('group') })),
    answers: nextSeq(1),
  },
  'DELETE /api/v1/chats/{id}': { ...chat, good: inChat(''), answers: nextSeq(2) },
  'POST /api/v1/chats/{id}/join': { ...chat, good: inChat('/join') },
  'GET /api/v1/chats/{id}/members': { ...chat, good: inChat('/members?limit=2') },
  'POST /api/v1/chats/{id}/members': {
    ...chat,
    good: inChat('/members', ({ other }) => ({ user_ids: [other.id] })),
    answers: (body: object) => expect(body).to.deep.equal({ seq: head + 1, not_added: [] }),
  },
  'PATCH /api/v1/chats/{id}/members/{user_id}': {
    ...chat,
    good: inChat('/members/{member}', () => ({ role: 'admin' })),
    answers: nextSeq(1),
  },
  'DELETE /api/v1/chats/{id}/members/{user_id}': {
    ...chat,
    good: inChat('/members/{member}'),
    answers: nextSeq(1),
  },
  'GET /api/v1/chats/{id}/messages': {
    ...chat,
    good: inChat('/messages?before=5&limit=2'),
    answers({ messages, ...rest }: { messages: Message[] }) {
      expect(messages.map(({ seq }) => seq)).to.deep.equal([4, 3]);
      expect(rest).to.deep.equal({ head, has_more: true });
    },
  },
  'POST /api/v1/chats/{id}/messages': {
    ...chat,
    status: 201,
    good: inChat('/messages', ({ seq }) => ({
      client_id: newId(),
      kind: 'text',
      text: say(),
      reply_to: seq,
    })),
    answers: (body: Message) => expect(body).to.include({ seq: head + 1, changed_seq: head + 1 }),
  },
  'PATCH /api/v1/chats/{id}/messages/{seq}': {
    ...chat,
    good: inChat('/messages/{seq}', () => ({ text: say('edited') })),
    answers: nextSeq(1),
  },
  'DELETE /api/v1/chats/{id}/messages/{seq}': {
    ...chat,
    good: inChat('/messages/{seq}'),
    answers: nextSeq(1),
  },
  'PUT /api/v1/chats/{id}/messages/{seq}/reaction': {
    ...chat,
    good: inChat('/messages/{seq}/reaction', () => ({ emoji: '🎉' })),
    answers: nextSeq(1),
  },
  'DELETE /api/v1/chats/{id}/messages/{seq}/reaction': {
    ...chat,
    good: inChat('/messages/{seq}/reaction'),
    // There was none to take back: the message stays as it is.
    answers: (body: object, { seq }) => expect(body).to.deep.equal({ seq }),
  },
  'POST /api/v1/chats/{id}/read': {
    ...chat,
    good: inChat('/read', () => ({ seq: head })),
    answers: (body: object) => expect(body).to.deep.equal({ read: head }),
  },
  'POST /api/v1/chats/{id}/typing': {
    ...chat,
    status: 204,
    good: inChat('/typing', () => ({ active: true })),
  },
  'POST /upload': {
    ...own,
    status: 201,
    good: () => aForm('/upload', 'hush.txt', new TextEncoder().encode(say('file'))),
    answers: (body: File) => expect(body).to.include({ kind: 'file', name: 'hush.txt', state: 'ready' }),
  },
  'POST /me/avatar': {
    ...own,
    status: 201,
    good: async () => aForm('/me/avatar', 'hush.png', await png()),
    answers: ({ avatar }: { avatar: { url: string } }) => expect(avatar.url).to.match(/^\/media\//),
  },
  'DELETE /me/avatar': { ...own, status: 204, good: at('/me/avatar') },
  'POST /uploads/presign': {
    ...own,
    status: 201,
    good: at('/uploads/presign', () => ({
      content_type: 'video/mp4',
      size: 1000,
      kind: 'video',
      method: 'PUT',
    })),
    answers: (body: Presigned) => expect(body).to.include({ method: 'PUT', expires_in: 900 }),
  },
  'POST /uploads/{file_id}/complete': {
    ...own,
    good: async ({ owner }) => ({ path: `/uploads/${await sentBy(owner)}/complete` }),
    answers: (body: File) => expect(body).to.include({ kind: 'file', size: 4, state: 'ready' }),
  },
  'PUT /uploads/{file_id}': {
    ...open,
    status: 204,
    good: async ({ owner }) => {
      const { url, headers } = await promised(owner);
      return { path: url, raw: new Uint8Array(4), headers };
    },
  },
  'POST /uploads/{file_id}': {
    ...open,
    status: 204,
    good: async ({ owner }) => {
      const { url, fields } = await promisedForm(owner);
      return aForm(url, 'x', new Uint8Array(4), fields);
    },
  },
  'GET /media/{file_id}': {
    ...own,
    good: async ({ owner }) => ({
      path: `/media/${(await uploaded(owner, { bytes: say('file') })).file_id}`,
    }),
    answers: (body: string) => expect(body).to.be.a('string'),
  },
  'GET /media/{file_id}/thumb': {
    ...own,
    good: async ({ owner }) => ({
      path: `/media/${(await uploaded(owner, { bytes: await png() })).file_id}/thumb`,
    }),
  },
  'DELETE /media/{file_id}': {
    ...own,
    status: 204,
    good: async ({ owner }) => ({
      path: `/media/${(await uploaded(owner, { bytes: say('file') })).file_id}`,
    }),
  },
  'GET /messages/search': {
    ...own,
    // What was said in the group, where memberships were stored after it, is found; to nobody else.
    good: ({ group }) => ({ path: `/messages/search?q=hushhush+hel&chat_id=${group}&limit=1` }),
    answers({ items, next_cursor }: FoundMessages, { group, owner, seq }) {
      expect(items.map(({ chat_id, seq: at, sender_id }) => [chat_id, at, sender_id])).to.deep.equal([
        [group, seq, owner.id],
      ]);
      const [{ excerpt, highlights, text }] = items as [FoundMessage];
      expect(excerpt).to.equal(text);
      expect(highlights).to.deep.equal([
        [0, 3],
        [6, 14],
      ]);
      expect(next_cursor).to.equal(null);
    },
  },
  'POST /api/v1/sync': {
    ...own,
    good: ({ group }) => ({ path: '/api/v1/sync', body: { chats: { [group]: [1, 1], [newId()]: [1, 1] } } }),
    answers(body: { chats: { chat: Chat }[]; gone: string[] }, { group }) {
      expect(body.chats.map((entry) => entry.chat.id)).to.deep.equal([group]);
      expect(body.gone).to.have.length(1);
    },
  },
};

/** The head of a scene's group. */
const head = 9;

function searchFor(path: string): Pick<RouteCase, 'good' | 'answers'> {
  return {
    good: ({ stranger }) => ({ path: `${path}${stranger.username}&limit=1` }),
    answers({ items }: { items: { id: string }[] }, { stranger }) {
      expect(items.map(({ id }) => id)).to.deep.equal([stranger.id]);
    },
  };
}

function nextSeq(more: number) {
  return (body: object) => expect(body).to.deep.equal({ seq: head + more });
}

function keepSession({ access_token, refresh_token }: { access_token: string; refresh_token: string }): void {
  keepSecret(access_token);
  keepSecret(refresh_token);
}

function keepTokens({
  access_token,
  refresh_token,
  token_type,
  expires_in,
  refresh_expires_in,
}: Tokens): void {
  keepSecret(access_token);
  keepSecret(refresh_token);
  expect({ token_type, expires_in, refresh_expires_in }).to.deep.equal({
    token_type: 'Bearer',
    expires_in: 900,
    refresh_expires_in: 604_800,
  });
}

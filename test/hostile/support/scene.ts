import { expect } from 'chai';
import type { Route } from '../../../gateway/http/route.ts';
import { accountRoutes } from '../../../gateway/http/routes/accounts.ts';
import { adminRoutes } from '../../../gateway/http/routes/admin.ts';
import { chatRoutes } from '../../../gateway/http/routes/chats.ts';
import { codeRoutes } from '../../../gateway/http/routes/codes.ts';
import { eventRoutes } from '../../../gateway/http/routes/events.ts';
import { googleRoutes } from '../../../gateway/http/routes/google.ts';
import { mediaRoutes } from '../../../gateway/http/routes/media.ts';
import { messageRoutes } from '../../../gateway/http/routes/messages.ts';
import { peopleRoutes } from '../../../gateway/http/routes/people.ts';
import { presenceRoutes } from '../../../gateway/http/routes/presence.ts';
import { profileRoutes } from '../../../gateway/http/routes/profiles.ts';
import { supabaseRoutes } from '../../../gateway/http/routes/supabase.ts';
import type { Chat } from '../../../schemas/chat/wire.ts';
import type { RequestFields, RequestType } from '../../../schemas/frames/client.ts';
import { newId } from '../../../schemas/ids.ts';
import { type Line, openLine } from './line.ts';
import { newUser, type User } from './people.ts';
import type { Target } from './target.ts';

/** Every route that takes something from its caller. */
export const routes: readonly Route[] = [
  ...accountRoutes,
  ...adminRoutes,
  ...profileRoutes,
  ...peopleRoutes,
  ...codeRoutes,
  ...googleRoutes,
  ...supabaseRoutes,
  ...chatRoutes,
  ...messageRoutes,
  ...mediaRoutes,
  ...presenceRoutes,
  ...eventRoutes,
];

/** Somebody who means harm, and what lies in reach: a friend, and a group of the two. */
export interface Scene {
  attacker: User;
  friend: User;
  line: Line;
  group: string;
  /** A message of the attacker in the group. */
  seq: number;
}

export async function setScene(target: Target): Promise<Scene> {
  const [attacker, friend] = [await newUser(target), await newUser(target)];
  const line = await openLine(target, { token: attacker.token });
  const made = await line.ask('chat.create', { chat_type: 'group', title: 'calm', member_ids: [friend.id] });
  const group = (made.chat as Chat).id;
  const scene = { attacker, friend, line, group, seq: 0 };
  return { ...scene, seq: await sayCalm(scene) };
}

/** Sends one good message to the group: its seq tells how much else has happened there. */
export async function sayCalm({ line, group }: Pick<Scene, 'line' | 'group'>): Promise<number> {
  const fields = { chat_id: group, client_id: newId(), kind: 'text', text: 'all is calm' };
  const sent = await line.ask('message.send', fields);
  expect(sent, JSON.stringify(sent)).to.include({ type: 'ok' });
  return sent.seq as number;
}

/** Of every request, one that is good. */
export function goodFrames({ attacker, friend, group, seq }: Scene): {
  readonly [T in RequestType]: RequestFields<T>;
} {
  const chat_id = group;
  return {
    ping: {},
    auth: { token: attacker.token },
    sync: { chats: { [group]: [seq, 0] }, cursor: '' },
    'chat.create': { chat_type: 'group', title: 'new', about: 'more', member_ids: [friend.id] },
    'chat.get': { chat_id, cursor: '' },
    'chat.update': { chat_id, title: 'calmer', about: null, username: null },
    'chat.join': { chat_id },
    'chat.leave': { chat_id },
    'member.add': { chat_id, user_ids: [friend.id] },
    'member.remove': { chat_id, user_id: friend.id },
    'member.role': { chat_id, user_id: friend.id, role: 'admin' },
    'message.send': { chat_id, client_id: newId(), kind: 'text', text: 'harm', reply_to: seq },
    'message.edit': { chat_id, target: seq, text: 'harm' },
    'message.delete': { chat_id, target: seq },
    'reaction.set': { chat_id, target: seq, emoji: '👍' },
    history: { chat_id, before: 10, limit: 5 },
    read: { chat_id, seq },
    typing: { chat_id, active: true },
    'presence.watch': { user_ids: [friend.id] },
  };
}

/** Of every body, by `METHOD /path`, one that is good. */
export function goodBodies(scene: Scene): Record<string, Record<string, unknown>> {
  const frames = goodFrames(scene);
  const { attacker } = scene;
  const without = (fields: object, ...names: string[]) =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
  const chat = '/api/v1/chats/{id}';
  const person = { email: 'harm@evil.example', username: 'harm_doer', password: 'correct horse battery' };
  return {
    'POST /api/v1/auth/register': { ...person, first_name: 'Harm', last_name: null },
    'POST /api/v1/auth/login': { username: attacker.username, password: attacker.password },
    'POST /api/v1/auth/refresh': { refresh_token: attacker.refresh_token },
    // Not the right one: the attacker stays.
    'POST /api/v1/auth/password': { current_password: 'battery horse', new_password: 'correct battery' },
    'POST /me/delete': { password: 'battery horse' },
    'DELETE /me': { password: 'battery horse' },
    'PUT /admin/users/{id}/role': { role: 'admin' },
    'POST /api/v1/auth/email/verify': { code: '123456' },
    'POST /api/v1/auth/email': { email: person.email, current_password: attacker.password },
    'POST /api/v1/auth/password/forgot': { email: person.email },
    'POST /api/v1/auth/password/reset': {
      email: person.email,
      code: '123456',
      new_password: person.password,
    },
    'POST /api/v1/register': { ...person, name: 'Harm' },
    'POST /api/v1/verify-register': { email: person.email, code: '123456' },
    'POST /api/v1/login': { username: attacker.username, password: attacker.password },
    'POST /auth/email/request': { email: person.email },
    'POST /auth/email/verify': { email: person.email, code: '123456' },
    'POST /auth/v1/signup': {
      email: person.email,
      password: person.password,
      data: { username: person.username },
    },
    'POST /auth/v1/token': { email: attacker.username, password: attacker.password },
    'POST /auth/google/exchange': { code: 'a code of nobody' },
    'PATCH /me': {
      display_name: 'Harm',
      first_name: null,
      username: attacker.username,
      bio: 'b',
      about: 'a',
      level: 'A1',
      timezone: 'Asia/Tashkent',
      interests_txt: 'i',
      settings: { theme: 'dark' },
      avatar_id: null,
    },
    'POST /uploads/presign': { content_type: 'video/mp4', size: 1000, kind: 'video', method: 'PUT' },
    'PUT /api/v1/users/profile': {
      first_name: 'Harm',
      last_name: null,
      bio: 'b',
      username: attacker.username,
    },
    'POST /api/v1/chats': { type: 'group', title: 'new', member_ids: [scene.friend.id] },
    [`PATCH ${chat}`]: without(frames['chat.update'], 'chat_id'),
    [`POST ${chat}/members`]: without(frames['member.add'], 'chat_id'),
    [`PATCH ${chat}/members/{user_id}`]: { role: 'admin' },
    [`POST ${chat}/messages`]: without(frames['message.send'], 'chat_id'),
    [`PATCH ${chat}/messages/{seq}`]: { text: 'harm' },
    [`PUT ${chat}/messages/{seq}/reaction`]: { emoji: '👍' },
    [`POST ${chat}/read`]: { seq: scene.seq },
    [`POST ${chat}/typing`]: { active: true },
    'POST /api/v1/sync': frames.sync,
    'POST /api/v1/presence': { user_ids: [scene.friend.id] },
  };
}

/** The path with what is good in its braces, or with what `params` say. */
export function pathOf({ path }: Route, scene: Scene, params: Record<string, string> = {}): string {
  const id = path.startsWith('/api/v1/chats') ? scene.group : scene.friend.id;
  const good: Record<string, string> = { id, user_id: scene.friend.id, seq: String(scene.seq) };
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? good[name] ?? 'x'),
  );
}

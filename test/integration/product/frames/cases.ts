import type { RequestFields, RequestType } from '../../../../schemas/frames/client.ts';
import { newId } from '../../../../schemas/ids.ts';
import { freshName, say } from '../support/secrets.ts';
import { newGroup, newPeople, newUser, type Person, staff, type User } from '../support/users.ts';

/** Who and what the matrix of all frames plays with: a group of four, whom two more have left. */
export interface Scene {
  owner: Person;
  admin: Person;
  member: Person;
  removed: Person;
  left: Person;
  stranger: Person;
  /** Whom no role helps into a chat. */
  staff: { moderator: Person; admin: Person };
  /** Somebody outside, without a socket. */
  other: User;
  group: string;
  /** A message of the owner in it. */
  seq: number;
}

export async function makeScene(): Promise<Scene> {
  const [owner, admin, member, removed, left, stranger] = await newPeople(
    'owner',
    'admin',
    'member',
    'removed',
    'left',
    'stranger',
  );
  const other = await newUser('other');
  const { moderator, admin: houseAdmin } = await staff();
  const house = {
    moderator: { ...moderator, socket: await moderator.open() },
    admin: { ...houseAdmin, socket: await houseAdmin.open() },
  };
  const { id: group } = await newGroup(owner, admin, member, removed, left);
  const by = owner.socket;
  await by.request('member.role', { chat_id: group, user_id: admin.id, role: 'admin' });
  const { seq } = await by.request('message.send', message(group));
  await by.request('member.remove', { chat_id: group, user_id: removed.id });
  await left.socket.request('chat.leave', { chat_id: group });
  return { owner, admin, member, removed, left, stranger, staff: house, other, group, seq };
}

export function message(chat_id: string): RequestFields<'message.send'> {
  return { chat_id, client_id: newId(), kind: 'text', text: say() };
}

/** One row per request type: a request that is good when it is the owner's. */
export interface FrameCase<T extends RequestType = RequestType> {
  good(scene: Scene): RequestFields<T> | Promise<RequestFields<T>>;
  /** Whose request is good, where not the owner's. */
  by?: keyof Pick<Scene, 'member'>;
  /** May the stranger ask it? A request about a chat is `not_found` to whoever is not in that chat. */
  about: 'a chat' | 'oneself';
  /** It needs no user. */
  open?: true;
}

const chat = 'a chat';
const self = 'oneself';

export const frameCases: { readonly [T in RequestType]: FrameCase<T> } = {
  ping: { about: self, open: true, good: () => ({}) },
  auth: { about: self, open: true, good: ({ owner }) => ({ token: owner.tokens.access_token }) },
  sync: { about: self, good: ({ group }) => ({ chats: { [group]: [1, 1] } }) },
  'chat.create': {
    about: self,
    good: ({ other }) => ({
      chat_type: 'group',
      title: say('title'),
      about: say('about'),
      member_ids: [other.id],
    }),
  },
  'chat.get': { about: chat, good: ({ group }) => ({ chat_id: group }) },
  'chat.update': {
    about: chat,
    good: ({ group }) => ({
      chat_id: group,
      title: say('title'),
      about: say('about'),
      username: freshName('g'),
    }),
  },
  'chat.join': { about: chat, good: ({ group }) => ({ chat_id: group }) },
  'chat.leave': { about: chat, by: 'member', good: ({ group }) => ({ chat_id: group }) },
  'member.add': { about: chat, good: ({ group, other }) => ({ chat_id: group, user_ids: [other.id] }) },
  'member.remove': { about: chat, good: ({ group, member }) => ({ chat_id: group, user_id: member.id }) },
  'member.role': {
    about: chat,
    good: ({ group, member }) => ({ chat_id: group, user_id: member.id, role: 'admin' }),
  },
  'message.send': { about: chat, good: ({ group, seq }) => ({ ...message(group), reply_to: seq }) },
  'message.edit': { about: chat, good: ({ group, seq }) => ({ chat_id: group, target: seq, text: say() }) },
  'message.delete': { about: chat, good: ({ group, seq }) => ({ chat_id: group, target: seq }) },
  'reaction.set': { about: chat, good: ({ group, seq }) => ({ chat_id: group, target: seq, emoji: '🙂' }) },
  history: { about: chat, good: ({ group }) => ({ chat_id: group, before: 3, limit: 2 }) },
  read: { about: chat, good: ({ group, seq }) => ({ chat_id: group, seq }) },
  typing: { about: chat, good: ({ group }) => ({ chat_id: group, active: true }) },
  'presence.watch': { about: self, good: ({ other }) => ({ user_ids: [other.id] }) },
};

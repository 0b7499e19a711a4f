import { privateChatId } from '../../../schemas/chat/private-id.ts';
import type { Chat, ChatEntry, Message, ServiceNote } from '../../../schemas/chat/wire.ts';
import type { UserShort } from '../../../schemas/common.ts';
import type { OwnProfile, Profile } from '../../../schemas/user/profile.ts';

/**
 * The one small world in which every example plays: Ali has made a group, Vali is in it, both talk there and
 * in private; Guli is in neither; Laylo is an admin. A test builds the same world on a real server, with ids of its own, and
 * sends every example to it.
 */

export type Person = 'ali' | 'vali' | 'guli' | 'laylo';

export const password = 'choy va non';
export const device = 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0';

interface Card extends Record<'id' | 'first_name' | 'last_name' | 'email', string> {
  username: Person;
  number: number;
}

export const people: { readonly [P in Person]: Card } = {
  ali: {
    id: '0198a3c4-5e10-7c21-9a4b-3f6d1e8b2a01',
    number: 12,
    username: 'ali',
    first_name: 'Ali',
    last_name: 'Karimov',
    email: 'ali@example.com',
  },
  vali: {
    id: '0198a3c4-9b72-7f03-8c15-52d7a90e4b02',
    number: 13,
    username: 'vali',
    first_name: 'Vali',
    last_name: 'Saidov',
    email: 'vali@example.com',
  },
  guli: {
    id: '0198a3c5-0c4e-7a86-b3d9-617fc28a5c03',
    number: 14,
    username: 'guli',
    first_name: 'Guli',
    last_name: 'Rahimova',
    email: 'guli@example.com',
  },
  laylo: {
    id: '0198a3c5-4d1f-7b62-9e0a-c85b3f7d6e04',
    number: 11,
    username: 'laylo',
    first_name: 'Laylo',
    last_name: 'Tosheva',
    email: 'laylo@example.com',
  },
};

const { ali, vali } = people;

/** Ali's login, the one that asks in every example. */
export const loginId = '0198a3c4-5e11-7d90-8e37-04c1b6f52d11';
export const connectionId = '0198a3c9-77aa-7b15-93f0-8d2e60417c21';
/** Names nobody and nothing. */
export const nobodyId = '0198a3c0-0000-7000-8000-000000000000';

export const groupId = '0198a3c5-b8d3-7e44-a0c2-95e1f73b6d31';
export const privateId = privateChatId(ali.id, vali.id);
/** A chat that an example makes. */
export const newChatId = '0198a3ca-2f60-7c9d-8b71-ad40e35f8e32';
export const groupName = 'choyxona';

/** What a mail brings. */
export const mailedCode = '246813';
/** Files of Ali: one that is there, one that was sent and one that is awaited, by PUT and as a form. */
export const fileId = '0198a3d0-4b1a-7f0e-9c35-2d6e8f7a9b01';
export const sentId = '0198a3d0-6c2b-7a1f-8d46-3e7f908bac12';
export const promisedId = '0198a3d0-8d3c-7b20-9e57-4f80a19cbd23';
export const formId = '0198a3d0-ae4d-7c31-af68-5091b2adce34';
export const pictureId = '0198a3d0-cf5e-7d42-b079-61a2c3bedf45';
/** One pixel. */
export const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
export const fileText = 'Choy: 200 g\nNon: 4\n';
export const noteType = 'text/plain';
const promise = { content_type: noteType, size: String(fileText.length) };
export const promised = {
  ...promise,
  expires: '1774081800',
  sig: 'h7Yt3kS1v9cJ2xWb8nZr4hLe6pDgAuq0m7Yt3kS1wQ9',
};
export const promisedForm = {
  ...promise,
  expires: '1774081801',
  sig: 'k2xWb8nZr4hLe6pDgAuq0m7Yt3kS1wQ9h7Yt3kS1v9c',
};

export const accessToken =
  'eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJzdWIiOiIwMTk4YTNjNCJ9.c2lnbmF0dXJl';
export const refreshToken = 'AZijxF4RfZCONwTBtvUtEQAAAAE.q0m7Yt3kS1v9cJ2xWb8nZr4hLe6pDgAu';

const start = Date.parse('2026-03-21T07:30:00.000Z');

/** Some seconds into the story. */
export function at(seconds: number): string {
  return new Date(start + seconds * 1000).toISOString();
}

export function clientId(last: number): string {
  return `0198a3c6-1d2e-7b3f-8a4c-5e6f708192${last.toString(16).padStart(2, '0')}`;
}

export function shortOf(person: Person): UserShort {
  const { id, username, first_name, last_name } = people[person];
  return { id, username, display_name: `${first_name} ${last_name}`, avatar: null };
}

export function profileOf(person: Person, changes: Partial<Profile> = {}): Profile {
  const { id, number, username, first_name, last_name } = people[person];
  return {
    id,
    number,
    username,
    first_name,
    last_name,
    display_name: `${first_name} ${last_name}`,
    bio: null,
    about: null,
    level: null,
    avatar: null,
    created_at: at(0),
    updated_at: at(0),
    followers_count: 0,
    followings_count: 0,
    is_following: false,
    ...changes,
  };
}

export function ownProfileOf(person: Person, changes: Partial<OwnProfile> = {}): OwnProfile {
  return {
    ...profileOf(person),
    email: people[person].email,
    email_verified: false,
    timezone: null,
    interests_txt: null,
    role: 'user',
    settings: {},
    ...changes,
  };
}

type Given = Pick<Message, 'seq' | 'sender_id'> & Partial<Message>;

export function message(given: Given): Message {
  return {
    chat_id: groupId,
    kind: 'text',
    text: '',
    media: null,
    reply_to: null,
    service: null,
    client_id: null,
    created_at: at(given.seq),
    edited_at: null,
    deleted_at: null,
    changed_seq: given.seq,
    reactions: [],
    ...given,
  };
}

function note(seq: number, service: ServiceNote): Message {
  return message({ seq, sender_id: ali.id, kind: 'service', service });
}

/** What stands in the group, the newest first. */
export const reply = message({
  seq: 5,
  sender_id: vali.id,
  text: 'Salom! Choyga kelasizmi?',
  reply_to: 4,
  client_id: clientId(2),
});
/** Ali's; Vali's heart is the chat's sixth event. */
export const greeting = message({
  seq: 4,
  sender_id: ali.id,
  text: 'Assalomu alaykum, Vali!',
  client_id: clientId(1),
  changed_seq: 6,
  reactions: [{ emoji: '❤️', count: 1, user_ids: [vali.id] }],
});
export const notes = [
  note(3, { action: 'updated', username: groupName }),
  note(2, { action: 'joined', user_id: vali.id }),
  note(1, { action: 'created', title: 'Choyxona', about: 'Choy ustida suhbat' }),
];
export const groupHead = 6;

/** Vali's, to Ali alone. */
export const whisper = message({
  chat_id: privateId,
  seq: 2,
  sender_id: vali.id,
  receiver_id: ali.id,
  text: 'Ertaga soat nechada?',
  client_id: clientId(3),
  created_at: at(20),
});

export function groupOf(changes: Partial<Chat> = {}): Chat {
  return {
    id: groupId,
    number: 1007,
    type: 'group',
    title: 'Choyxona',
    about: 'Choy ustida suhbat',
    photo: null,
    created_by: ali.id,
    created_at: at(1),
    head: groupHead,
    members_count: 2,
    username: groupName,
    role: 'owner',
    ...changes,
  };
}

export function privateOf(changes: Partial<Chat> = {}): Chat {
  return {
    id: privateId,
    number: 1008,
    type: 'private',
    title: null,
    about: null,
    photo: null,
    created_by: ali.id,
    created_at: at(19),
    head: 2,
    members_count: 2,
    role: 'member',
    peer: shortOf('vali'),
    ...changes,
  };
}

/** Both chats in Ali's list. */
export const groupEntry: ChatEntry = {
  chat: groupOf(),
  head: groupHead,
  read: 4,
  unread: 1,
  last_message: reply,
};
export const privateEntry: ChatEntry = {
  chat: privateOf(),
  head: 2,
  read: 1,
  peer_read: 2,
  unread: 1,
  last_message: whisper,
};

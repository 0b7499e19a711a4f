import type { EventFields, EventType } from '../../../schemas/frames/server.ts';
import * as scene from './scene.ts';

/** Every event frame, as Ali's socket gets it. */

const chat_id = scene.groupId;
const { ali, vali } = scene.people;

export interface EventExample<T extends EventType = EventType> {
  summary: string;
  fields: EventFields<T>;
}

export const eventExamples: { readonly [T in EventType]: EventExample<T> } = {
  ready: {
    summary: 'The socket is authenticated, and its chats are attached',
    fields: {
      user_id: ali.id,
      login_id: scene.loginId,
      connection_id: scene.connectionId,
      server_time: scene.at(30),
      ping_ms: 25_000,
      token_expires_at: scene.at(900),
    },
  },
  'message.new': {
    summary: 'Vali has written',
    fields: scene.message({
      seq: 7,
      sender_id: vali.id,
      text: 'Choy tayyor!',
      client_id: scene.clientId(10),
      created_at: scene.at(60),
    }),
  },
  'message.changed': {
    summary: 'Vali has edited an earlier message',
    fields: {
      ...scene.reply,
      text: 'Salom! Choyga qachon kelasiz?',
      edited_at: scene.at(61),
      changed_seq: 7,
    },
  },
  'chat.new': {
    summary: 'Guli has opened a private chat with Ali',
    fields: {
      chat: scene.privateOf({
        id: scene.newChatId,
        created_by: scene.people.guli.id,
        created_at: scene.at(60),
        head: 1,
        peer: scene.shortOf('guli'),
      }),
    },
  },
  'chat.gone': { summary: 'Ali has left the group on another device', fields: { chat_id } },
  read: { summary: 'Vali has read everything', fields: { chat_id, user_id: vali.id, seq: scene.groupHead } },
  typing: { summary: 'Vali is typing', fields: { chat_id, user_id: vali.id, active: true } },
  presence: {
    summary: 'Vali, who is watched, has come online',
    fields: { user_id: vali.id, online: true, last_seen_at: null },
  },
  resync: { summary: 'Frames of the group may be missing', fields: { chat_id } },
  bye: {
    summary: 'The server is about to stop: come back in a while',
    fields: { reason: 'draining', reconnect_after_ms: 1834 },
  },
};

import type { RequestType } from '../../../schemas/frames/client.ts';
import { chatFrameExamples, elsewhere, toNobody } from './chat-frames.ts';
import type { FrameExamples } from './example.ts';
import * as no from './refusals.ts';
import * as scene from './scene.ts';

/** Every request frame at work, and what it may be refused with. Ali asks where nobody else is named. */

const chat_id = scene.groupId;
const { vali, guli } = scene.people;
const next = scene.groupHead + 1;

const text = 'Xush kelibsiz!';
const sent = { client_id: scene.clientId(9), kind: 'text', text } as const;

export const frameExamples: { readonly [T in RequestType]: FrameExamples<T> } = {
  ping: { alive: { summary: 'Is the socket alive?', fields: {}, reply: {} } },
  auth: {
    renewed: {
      summary: 'The first frame of a browser, and later the fresh token on the same socket',
      fields: { token: scene.accessToken },
      reply: { token_expires_at: scene.at(900) },
    },
    token_invalid: {
      summary: 'No access token of ours',
      fields: { token: 'not.a.token' },
      refusal: no.because('unauthenticated', 'token_invalid', 'The access token is not valid'),
    },
    other_user: {
      summary: "Another user's token on Vali's socket",
      by: 'vali',
      fields: { token: scene.accessToken },
      refusal: no.because('forbidden', 'other_user', 'This socket belongs to another user'),
    },
  },
  sync: {
    first: {
      summary: 'The client holds nothing yet',
      fields: {},
      reply: { chats: [scene.privateEntry, scene.groupEntry], gone: [] },
    },
    later: {
      summary: 'It holds the group as it is, and a chat that the caller has left',
      fields: { chats: { [scene.groupId]: [scene.groupHead, 4], [scene.nobodyId]: [3, 3] } },
      reply: { chats: [scene.privateEntry], gone: [scene.nobodyId] },
    },
    bad_cursor: {
      summary: 'A cursor that no sync gave',
      fields: { cursor: 'nonsense' },
      refusal: no.badCursor,
    },
  },
  ...chatFrameExamples,
  'message.send': {
    to_chat: {
      summary: 'To the group, as a reply',
      fields: { chat_id, ...sent, reply_to: 5 },
      reply: { chat_id, seq: next, created_at: scene.at(60) },
    },
    to_user: {
      summary: 'To Vali: the private chat need not be known',
      fields: { user_id: vali.id, ...sent },
      reply: { chat_id: scene.privateId, seq: 3, created_at: scene.at(60) },
    },
    again: {
      summary: 'The same client_id once more: the same message, and nothing is sent twice',
      fields: { chat_id, ...sent, client_id: scene.clientId(1) },
      reply: { chat_id, seq: 4, created_at: scene.at(4) },
    },
    no_text: {
      summary: 'A field is missing',
      fields: { chat_id, client_id: sent.client_id, kind: sent.kind },
      refusal: no.wrongField('/text', 'is required'),
    },
    no_chat: { ...toNobody, fields: { ...elsewhere, ...sent } },
    reply_not_found: {
      summary: 'A reply to what was never said',
      fields: { chat_id, ...sent, reply_to: 99 },
      refusal: no.because(
        'unprocessable',
        'reply_not_found',
        'The message that this replies to is not in the chat',
      ),
    },
  },
  'message.edit': {
    edited: {
      summary: "One's own message",
      fields: { chat_id, target: 4, text: 'Assalomu alaykum, Valijon!' },
      reply: { seq: next },
    },
    no_chat: { ...toNobody, fields: { ...elsewhere, target: 4, text } },
    no_message: {
      summary: 'No message has this seq',
      fields: { chat_id, target: 99, text },
      refusal: no.noMessage,
    },
    service_message: {
      summary: 'A service message',
      fields: { chat_id, target: 1, text },
      refusal: no.serviceMessage,
    },
    not_author: {
      summary: "Vali's message",
      fields: { chat_id, target: 5, text },
      refusal: no.because('forbidden', 'not_author', 'Only its author may edit a message'),
    },
  },
  'message.delete': {
    deleted: { summary: "One's own message", fields: { chat_id, target: 4 }, reply: { seq: next } },
    no_chat: { ...toNobody, fields: { ...elsewhere, target: 4 } },
    no_message: {
      summary: 'No message has this seq',
      fields: { chat_id, target: 99 },
      refusal: no.noMessage,
    },
    service_message: {
      summary: 'A service message',
      fields: { chat_id, target: 1 },
      refusal: no.serviceMessage,
    },
    not_author: {
      summary: "Ali's message, and Vali is no admin",
      by: 'vali',
      fields: { chat_id, target: 4 },
      refusal: no.because('forbidden', 'not_author', 'Only its author or an admin may delete a message'),
    },
  },
  'reaction.set': {
    set: { summary: 'A reaction', fields: { chat_id, target: 5, emoji: '🙂' }, reply: { seq: next } },
    taken_back: {
      summary: 'Vali takes the heart back',
      by: 'vali',
      fields: { chat_id, target: 4, emoji: null },
      reply: { seq: next },
    },
    no_chat: { ...toNobody, fields: { ...elsewhere, target: 5, emoji: '🙂' } },
    no_message: {
      summary: 'No message has this seq',
      fields: { chat_id, target: 99, emoji: '🙂' },
      refusal: no.noMessage,
    },
    service_message: {
      summary: 'A service message',
      fields: { chat_id, target: 1, emoji: '🙂' },
      refusal: no.serviceMessage,
    },
  },
  history: {
    newest: {
      summary: 'The newest two messages',
      fields: { chat_id, limit: 2 },
      reply: { messages: [scene.reply, scene.greeting], head: scene.groupHead, has_more: true },
    },
    before: {
      summary: 'Backwards from there',
      fields: { chat_id, before: 4 },
      reply: { messages: scene.notes, head: scene.groupHead, has_more: false },
    },
    after: {
      summary: 'Everything that is new or has changed since seq 4',
      fields: { chat_id, after: 4 },
      reply: { messages: [scene.reply, scene.greeting], head: scene.groupHead, has_more: false },
    },
    two_ways: {
      summary: 'Only one of before, after and around',
      fields: { chat_id, before: 4, after: 2 },
      refusal: no.wrongField('', 'takes one of before, after and around'),
    },
    no_chat: { ...toNobody, fields: elsewhere },
  },
  read: {
    read: {
      summary: 'Everything is read',
      fields: { chat_id, seq: scene.groupHead },
      reply: { read: scene.groupHead },
    },
    no_chat: { ...toNobody, fields: { ...elsewhere, seq: 1 } },
  },
  typing: {
    typing: { summary: 'Typing', fields: { chat_id, active: true }, reply: {} },
    no_chat: { ...toNobody, fields: { ...elsewhere, active: true } },
  },
  'presence.watch': {
    watched: {
      summary: 'Are Vali and Guli online?',
      fields: { user_ids: [vali.id, guli.id] },
      reply: {
        users: [
          { user_id: vali.id, online: false, last_seen_at: null },
          { user_id: guli.id, online: false, last_seen_at: null },
        ],
      },
    },
  },
};

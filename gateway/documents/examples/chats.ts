import { errorCatalogue } from '../../../schemas/errors.ts';
import type { RequestType } from '../../../schemas/frames/client.ts';
import type { RouteExample, RouteExamples } from './example.ts';
import { frameExamples } from './frames.ts';
import * as no from './refusals.ts';
import * as scene from './scene.ts';

/** The chat routes at work: each shows what its frame shows, in the shape of REST. */

const group = { id: scene.groupId };
const next = scene.groupHead + 1;

type Fields = Record<string, unknown>;

/** How a frame's fields stand in a route: what its path takes, then the rest in `rest`. */
interface Twin {
  type: RequestType;
  /** Names of path parameters and of the fields that they carry. */
  path?: Record<string, string>;
  rest: 'query' | 'body' | 'none';
  /** 200 unless it says otherwise; for 204 there is no reply. */
  status?: number;
  only?: (fields: Fields) => boolean;
  /** The route's own reply, where it differs from the frame's. */
  reply?: (reply: Fields) => unknown;
}

const inChat = { id: 'chat_id' };
const atMessage = { ...inChat, seq: 'target' };
const atMember = { ...inChat, user_id: 'user_id' };

const twins: Readonly<Record<string, Twin>> = {
  'GET /api/v1/chats/{id}': {
    type: 'chat.get',
    path: inChat,
    rest: 'none',
    only: ({ cursor }) => cursor === undefined,
    reply: ({ chat }) => chat,
  },
  'PATCH /api/v1/chats/{id}': { type: 'chat.update', path: inChat, rest: 'body' },
  'DELETE /api/v1/chats/{id}': { type: 'chat.leave', path: inChat, rest: 'none' },
  'POST /api/v1/chats/{id}/join': {
    type: 'chat.join',
    path: inChat,
    rest: 'none',
    reply: ({ chat }) => chat,
  },
  'GET /api/v1/chats/{id}/members': {
    type: 'chat.get',
    path: inChat,
    rest: 'query',
    reply: ({ members }) => ({ items: members, next_cursor: null }),
  },
  'POST /api/v1/chats/{id}/members': { type: 'member.add', path: inChat, rest: 'body' },
  'PATCH /api/v1/chats/{id}/members/{user_id}': { type: 'member.role', path: atMember, rest: 'body' },
  'DELETE /api/v1/chats/{id}/members/{user_id}': { type: 'member.remove', path: atMember, rest: 'none' },
  'GET /api/v1/chats/{id}/messages': { type: 'history', path: inChat, rest: 'query' },
  'PATCH /api/v1/chats/{id}/messages/{seq}': { type: 'message.edit', path: atMessage, rest: 'body' },
  'DELETE /api/v1/chats/{id}/messages/{seq}': { type: 'message.delete', path: atMessage, rest: 'none' },
  'PUT /api/v1/chats/{id}/messages/{seq}/reaction': {
    type: 'reaction.set',
    path: atMessage,
    rest: 'body',
    only: ({ emoji }) => emoji !== null,
  },
  'POST /api/v1/chats/{id}/read': { type: 'read', path: inChat, rest: 'body' },
  'POST /api/v1/chats/{id}/typing': { type: 'typing', path: inChat, rest: 'body', status: 204 },
  'POST /api/v1/sync': { type: 'sync', rest: 'body' },
};

function twinExamples({
  type,
  path = {},
  rest,
  status = 200,
  only = () => true,
  reply,
}: Twin): RouteExamples {
  const found = Object.entries(frameExamples[type]).flatMap(([name, example]): [string, RouteExample][] => {
    const { summary, by } = example;
    const fields = { ...example.fields } as Fields;
    if (!only(fields)) return [];
    const params: Record<string, string> = {};
    for (const [param, field] of Object.entries(path)) {
      params[param] = String(fields[field]);
      delete fields[field];
    }
    const texts = Object.entries(fields).map(([key, value]) => [key, String(value)]);
    const call = {
      summary,
      ...(by && { by }),
      ...(Object.keys(params).length > 0 && { params }),
      ...(rest === 'query' && texts.length > 0 && { query: Object.fromEntries(texts) }),
      ...(rest === 'body' && { body: fields }),
    };
    if ('refusal' in example) {
      const { refusal } = example;
      return [[name, { ...call, status: errorCatalogue[refusal.code].status, refusal }]];
    }
    if (status === 204) return [[name, { ...call, status }]];
    return [[name, { ...call, status, reply: reply?.(example.reply as Fields) ?? example.reply }]];
  });
  return Object.fromEntries(found);
}

/** `chat_type` of a frame is `type` in a body; what was made is answered with 201. */
function createExamples(): RouteExamples {
  const { existing, ...others } = twinExamples({
    type: 'chat.create',
    rest: 'body',
    status: 201,
    reply: ({ chat }) => chat,
  });
  const all = { ...others, ...(existing && { existing: { ...existing, status: 200 } }) };
  const renamed = Object.entries(all).map(([name, example]) => {
    const { chat_type: type, ...body } = example.body as Fields;
    return [name, { ...example, body: { type, ...body } }];
  });
  return Object.fromEntries(renamed);
}

const text = 'Xush kelibsiz!';
const client_id = scene.clientId(9);
const messages = '/api/v1/chats/{id}/messages';

const own: Readonly<Record<string, RouteExamples>> = {
  'GET /api/v1/chats': {
    all: {
      summary: 'Both chats, the private one used last',
      status: 200,
      reply: { items: [scene.privateEntry, scene.groupEntry], next_cursor: null },
    },
    groups: {
      summary: 'Groups only',
      query: { type: 'group' },
      status: 200,
      reply: { items: [scene.groupEntry], next_cursor: null },
    },
    bad_cursor: {
      summary: 'A cursor that this list did not give',
      query: { cursor: 'nonsense' },
      status: 400,
      refusal: no.badCursor,
    },
  },
  'GET /messages/search': {
    found: {
      summary: 'By a word and the beginning of another',
      query: { q: 'choyga ke' },
      status: 200,
      reply: {
        items: [
          {
            ...scene.reply,
            excerpt: scene.reply.text,
            highlights: [
              [7, 13],
              [14, 16],
            ],
          },
        ],
        next_cursor: null,
      },
    },
    nothing: {
      summary: 'What Vali never said in the group',
      query: { q: 'alaykum', chat_id: scene.groupId, sender_id: scene.people.vali.id },
      status: 200,
      reply: { items: [], next_cursor: null },
    },
    no_chat: {
      summary: 'A chat that is not there, or not of the caller',
      query: { q: 'choy', chat_id: scene.nobodyId },
      status: 404,
      refusal: no.noChat,
    },
    bad_cursor: {
      summary: 'A cursor that this list did not give',
      query: { q: 'choy', cursor: 'nonsense' },
      status: 400,
      refusal: no.badCursor,
    },
  },
  'POST /api/v1/chats': createExamples(),
  [`POST ${messages}`]: {
    sent: {
      summary: 'A reply, with a client_id that makes it safe to repeat',
      params: group,
      body: { client_id, text, reply_to: 5 },
      status: 201,
      reply: scene.message({
        seq: next,
        sender_id: scene.people.ali.id,
        text,
        reply_to: 5,
        client_id,
        created_at: scene.at(60),
      }),
    },
    no_text: {
      summary: 'A field is missing',
      params: group,
      body: { client_id },
      status: 400,
      refusal: no.wrongField('/text', 'is required'),
    },
    no_chat: {
      summary: 'A chat that is not there, or not of the caller',
      params: { id: scene.nobodyId },
      body: { text },
      status: 404,
      refusal: no.noChat,
    },
    reply_not_found: {
      summary: 'A reply to what was never said',
      params: group,
      body: { text, reply_to: 99 },
      status: 422,
      refusal: no.because(
        'unprocessable',
        'reply_not_found',
        'The message that this replies to is not in the chat',
      ),
    },
  },
  [`DELETE ${messages}/{seq}/reaction`]: {
    taken_back: {
      summary: 'Vali takes the heart back',
      by: 'vali',
      params: { ...group, seq: '4' },
      status: 200,
      reply: { seq: next },
    },
    no_message: {
      summary: 'No message has this seq',
      params: { ...group, seq: '99' },
      status: 404,
      refusal: no.noMessage,
    },
  },
};

export const chatExamples: Readonly<Record<string, RouteExamples>> = {
  ...Object.fromEntries(Object.entries(twins).map(([route, twin]) => [route, twinExamples(twin)])),
  ...own,
};

import { expect } from 'chai';
import type { Chat, Message } from '../../../../../schemas/chat/wire.ts';
import { newId } from '../../../../../schemas/ids.ts';
import type { FoundMessage, FoundMessages } from '../../../../../schemas/rest/messages.ts';
import type { Scene } from '../../frames/cases.ts';
import { freshName, say } from '../../support/secrets.ts';
import { type Asked, at, type Cases, own } from './case.ts';

const chat = { status: 200, about: 'a chat' } as const;

const inChat =
  (more: string, body?: (scene: Scene) => Record<string, unknown>) =>
  (scene: Scene): Asked => ({
    path: `/api/v1/chats/${scene.group}${more.replace('{seq}', String(scene.seq)).replace('{member}', scene.member.id)}`,
    ...(body && { body: body(scene) }),
  });

/** The head of a scene's group. */
const head = 9;

export const chats: Cases = {
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

function nextSeq(more: number) {
  return (body: object) => expect(body).to.deep.equal({ seq: head + more });
}

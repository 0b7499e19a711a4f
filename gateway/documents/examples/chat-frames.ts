import type { RequestType } from '../../../schemas/frames/client.ts';
import type { FrameExamples } from './example.ts';
import * as no from './refusals.ts';
import * as scene from './scene.ts';

/** Requests about chats and their members at work, and what they may be refused with. */

const chat_id = scene.groupId;
const { ali, vali, guli } = scene.people;
const next = scene.groupHead + 1;

export const toNobody = { summary: 'A chat that is not there, or not of the caller', refusal: no.noChat };
export const elsewhere = { chat_id: scene.nobodyId };
const toPrivate = { chat_id: scene.privateId };

type ChatRequest = Extract<RequestType, `chat.${string}` | `member.${string}`>;

export const chatFrameExamples: { readonly [T in ChatRequest]: FrameExamples<T> } = {
  'chat.create': {
    private: {
      summary: 'Opens the private chat with Guli',
      fields: { chat_type: 'private', username: guli.username },
      reply: {
        chat: {
          ...scene.privateOf({ id: scene.newChatId, peer: scene.shortOf('guli'), head: 1 }),
          created_at: scene.at(60),
        },
      },
    },
    existing: {
      summary: 'The private chat with Vali, as it is',
      fields: { chat_type: 'private', user_id: vali.id },
      reply: { chat: scene.privateOf() },
    },
    group: {
      summary: 'A group with Vali and Guli',
      fields: { chat_type: 'group', title: 'Kitobxonlar', member_ids: [vali.id, guli.id] },
      reply: {
        chat: scene.groupOf({
          id: scene.newChatId,
          title: 'Kitobxonlar',
          about: null,
          username: null,
          created_at: scene.at(60),
          head: 3,
          members_count: 3,
        }),
      },
    },
    no_user: {
      summary: 'One of the members is no user',
      fields: { chat_type: 'group', title: 'Kitobxonlar', member_ids: [scene.nobodyId] },
      refusal: {
        code: 'not_found',
        reason: 'no_user',
        errors: [{ path: '/member_ids/0', message: 'is no user' }],
      },
    },
    not_for_private: {
      summary: 'A private chat has no title',
      fields: { chat_type: 'private', user_id: vali.id, title: 'Ikkimiz' },
      refusal: no.because(
        'unprocessable',
        'not_for_private',
        'A private chat takes user_id or username alone',
      ),
    },
    one_user: {
      summary: 'With whom?',
      fields: { chat_type: 'private' },
      refusal: no.because('unprocessable', 'one_user', 'A private chat takes either user_id or username'),
    },
    oneself: {
      summary: 'With oneself',
      fields: { chat_type: 'private', user_id: ali.id },
      refusal: no.because('unprocessable', 'oneself', 'A private chat is with somebody else'),
    },
    not_for_group: {
      summary: 'A group names its members in member_ids',
      fields: { chat_type: 'group', title: 'Kitobxonlar', user_id: vali.id },
      refusal: no.because('unprocessable', 'not_for_group', 'A group takes member_ids'),
    },
    title_required: {
      summary: 'A group without a title',
      fields: { chat_type: 'group' },
      refusal: no.because('unprocessable', 'title_required', 'A group needs a title'),
    },
  },
  'chat.get': {
    group: {
      summary: 'The group and its members',
      fields: { chat_id },
      reply: {
        chat: scene.groupOf(),
        members: [
          { user: scene.shortOf('ali'), role: 'owner', read: 4, joined_seq: 1 },
          { user: scene.shortOf('vali'), role: 'member', read: 5, joined_seq: 2 },
        ],
      },
    },
    no_chat: { ...toNobody, fields: elsewhere },
    bad_cursor: {
      summary: 'A cursor that this list did not give',
      fields: { chat_id, cursor: 'nonsense' },
      refusal: no.badCursor,
    },
  },
  'chat.update': {
    renamed: {
      summary: 'A new title; about is cleared',
      fields: { chat_id, title: 'Katta choyxona', about: null },
      reply: { seq: next },
    },
    no_chat: { ...toNobody, fields: { ...elsewhere, title: 'Katta choyxona' } },
    private_chat: {
      summary: 'A private chat',
      fields: { ...toPrivate, title: 'Ikkimiz' },
      refusal: no.because('forbidden', 'private_chat', 'A private chat has no title'),
    },
    not_admin: {
      summary: 'Vali is a plain member',
      by: 'vali',
      fields: { chat_id, title: 'Valining choyxonasi' },
      refusal: no.notAdmin,
    },
  },
  'chat.join': {
    joined: {
      summary: 'Guli joins by the public name that the group has',
      by: 'guli',
      fields: { chat_id },
      reply: { chat: scene.groupOf({ head: next, members_count: 3, role: 'member' }) },
    },
    no_chat: { ...toNobody, fields: elsewhere },
    private_chat: { summary: 'A private chat', fields: toPrivate, refusal: no.privateChat },
  },
  'chat.leave': {
    left: { summary: 'Vali leaves', by: 'vali', fields: { chat_id }, reply: { seq: next } },
    no_chat: { ...toNobody, fields: elsewhere },
    private_chat: { summary: 'A private chat', fields: toPrivate, refusal: no.privateChat },
  },
  'member.add': {
    added: {
      summary: 'Guli comes in; the other id is no user',
      fields: { chat_id, user_ids: [guli.id, scene.nobodyId] },
      reply: { seq: next, not_added: [scene.nobodyId] },
    },
    no_chat: { ...toNobody, fields: { ...elsewhere, user_ids: [guli.id] } },
    private_chat: {
      summary: 'A private chat',
      fields: { ...toPrivate, user_ids: [guli.id] },
      refusal: no.privateChat,
    },
  },
  'member.remove': {
    removed: {
      summary: 'The owner removes Vali',
      fields: { chat_id, user_id: vali.id },
      reply: { seq: next },
    },
    no_chat: { ...toNobody, fields: { ...elsewhere, user_id: vali.id } },
    no_member: { summary: 'Guli is not in it', fields: { chat_id, user_id: guli.id }, refusal: no.noMember },
    private_chat: {
      summary: 'A private chat',
      fields: { ...toPrivate, user_id: vali.id },
      refusal: no.privateChat,
    },
    not_admin: {
      summary: 'Vali is a plain member',
      by: 'vali',
      fields: { chat_id, user_id: ali.id },
      refusal: no.notAdmin,
    },
  },
  'member.role': {
    appointed: {
      summary: 'Vali becomes an admin',
      fields: { chat_id, user_id: vali.id, role: 'admin' },
      reply: { seq: next },
    },
    no_chat: { ...toNobody, fields: { ...elsewhere, user_id: vali.id, role: 'admin' } },
    no_member: {
      summary: 'Guli is not in it',
      fields: { chat_id, user_id: guli.id, role: 'admin' },
      refusal: no.noMember,
    },
    private_chat: {
      summary: 'A private chat',
      fields: { ...toPrivate, user_id: vali.id, role: 'admin' },
      refusal: no.privateChat,
    },
    not_admin: {
      summary: 'Vali is a plain member',
      by: 'vali',
      fields: { chat_id, user_id: vali.id, role: 'admin' },
      refusal: no.notAdmin,
    },
    owner: {
      summary: "The owner's own role",
      fields: { chat_id, user_id: ali.id, role: 'member' },
      refusal: no.because('forbidden', 'owner', 'The owner stays the owner'),
    },
  },
};

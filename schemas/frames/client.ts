import Type, { type Static, type TProperties } from 'typebox';
import {
  About,
  Cursor,
  Emoji,
  Id,
  MessageText,
  Nullable,
  Seq,
  SeqOrZero,
  Strict,
  Title,
  UserIds,
  Username,
} from '../common.ts';
import { limits } from '../limits.ts';

/** Every request frame, by its `type`: a row here is the schema that the gateway compiles. */

const RequestId = Type.String({ minLength: 1, maxLength: limits.requestId });

function Request<N extends string, P extends TProperties>(type: N, properties: P) {
  return Strict({ id: RequestId, type: Type.Literal(type), ...properties });
}

const Limit = Type.Integer({ minimum: 1, maximum: limits.history });
/** An id as the key of a record: a record keeps the pattern of its keys, and forgets their format. */
const ChatKey = Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' });

export const requestFrames = {
  ping: Request('ping', {}),
  auth: Request('auth', { token: Type.String({ minLength: 1, maxLength: 4096 }) }),
  sync: Request('sync', {
    chats: Type.Optional(
      Type.Record(ChatKey, Type.Tuple([SeqOrZero, SeqOrZero]), {
        maxProperties: limits.syncHeld,
        additionalProperties: false,
      }),
    ),
    cursor: Type.Optional(Cursor),
  }),
  /** The chat's own type is `chat_type` here, because a frame's `type` is the frame's name. */
  'chat.create': Request('chat.create', {
    chat_type: Type.Enum(['private', 'group']),
    user_id: Type.Optional(Id),
    username: Type.Optional(Username),
    title: Type.Optional(Title),
    about: Type.Optional(About),
    member_ids: Type.Optional(UserIds),
  }),
  'chat.get': Request('chat.get', { chat_id: Id, cursor: Type.Optional(Cursor) }),
  'chat.update': Request('chat.update', {
    chat_id: Id,
    title: Type.Optional(Title),
    about: Type.Optional(Nullable(About)),
    username: Type.Optional(Nullable(Username)),
  }),
  'chat.join': Request('chat.join', { chat_id: Id }),
  'chat.leave': Request('chat.leave', { chat_id: Id }),
  'member.add': Request('member.add', { chat_id: Id, user_ids: UserIds }),
  'member.remove': Request('member.remove', { chat_id: Id, user_id: Id }),
  'member.role': Request('member.role', { chat_id: Id, user_id: Id, role: Type.Enum(['admin', 'member']) }),
  'message.send': Request('message.send', {
    chat_id: Type.Optional(Id),
    user_id: Type.Optional(Id),
    client_id: Id,
    kind: Type.Literal('text'),
    text: MessageText,
    reply_to: Type.Optional(Nullable(Seq)),
  }),
  'message.edit': Request('message.edit', { chat_id: Id, target: Seq, text: MessageText }),
  'message.delete': Request('message.delete', { chat_id: Id, target: Seq }),
  'reaction.set': Request('reaction.set', { chat_id: Id, target: Seq, emoji: Nullable(Emoji) }),
  history: Request('history', {
    chat_id: Id,
    before: Type.Optional(Seq),
    after: Type.Optional(SeqOrZero),
    around: Type.Optional(Seq),
    limit: Type.Optional(Limit),
  }),
  read: Request('read', { chat_id: Id, seq: SeqOrZero }),
  typing: Request('typing', { chat_id: Id, active: Type.Boolean() }),
  'presence.watch': Request('presence.watch', { user_ids: UserIds }),
} as const;

export type RequestType = keyof typeof requestFrames;
export type RequestFrame<T extends RequestType = RequestType> = {
  [K in RequestType]: Static<(typeof requestFrames)[K]>;
}[T];

/** The fields of a request without the envelope: what a handler and a REST twin share. */
export type RequestFields<T extends RequestType> = Omit<RequestFrame<T>, 'id' | 'type'>;

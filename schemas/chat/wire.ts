import Type, { type Static } from 'typebox';
import { Id, Nullable, Seq, SeqOrZero, Time, UserShort } from '../common.ts';

/** What clients see of chats and messages: the shapes of replies, events and REST answers. */

export const ChatType = Type.Enum(['private', 'group', 'channel', 'session']);
export type ChatType = Static<typeof ChatType>;

export const Role = Type.Enum(['owner', 'admin', 'member']);
export type Role = Static<typeof Role>;

export const Chat = Type.Object({
  id: Id,
  number: Type.Integer(),
  type: ChatType,
  title: Nullable(Type.String()),
  about: Nullable(Type.String()),
  photo: Type.Unknown(),
  created_by: Id,
  created_at: Time,
  head: SeqOrZero,
  members_count: Type.Integer(),
  username: Type.Optional(Nullable(Type.String())),
  role: Role,
  peer: Type.Optional(UserShort),
});
export type Chat = Static<typeof Chat>;

export const ServiceAction = Type.Enum(['created', 'joined', 'left', 'removed', 'role', 'updated']);

/** What a service message says; one per user concerned. */
export const ServiceNote = Type.Object({
  action: ServiceAction,
  user_id: Type.Optional(Id),
  role: Type.Optional(Role),
  title: Type.Optional(Nullable(Type.String())),
  about: Type.Optional(Nullable(Type.String())),
  username: Type.Optional(Nullable(Type.String())),
  photo: Type.Optional(Type.Unknown()),
});
export type ServiceNote = Static<typeof ServiceNote>;

export const Reaction = Type.Object({
  emoji: Type.String(),
  count: Type.Integer(),
  user_ids: Type.Array(Id, { description: 'the first 10' }),
});
export type Reaction = Static<typeof Reaction>;

export const MessageKind = Type.Enum(['text', 'voice', 'media', 'service']);
export type MessageKind = Static<typeof MessageKind>;

export const Message = Type.Object({
  chat_id: Id,
  seq: Seq,
  sender_id: Id,
  receiver_id: Type.Optional(Id),
  kind: MessageKind,
  text: Type.String(),
  media: Type.Unknown(),
  reply_to: Nullable(Seq),
  service: Nullable(ServiceNote),
  client_id: Nullable(Id),
  created_at: Time,
  edited_at: Nullable(Time),
  deleted_at: Nullable(Time),
  changed_seq: Seq,
  reactions: Type.Array(Reaction),
});
export type Message = Static<typeof Message>;

export const Member = Type.Object({ user: UserShort, role: Role, read: SeqOrZero, joined_seq: Seq });
export type Member = Static<typeof Member>;

/** One chat in an answer to `sync` or `GET /api/v1/chats`. */
export const ChatEntry = Type.Object({
  chat: Chat,
  head: SeqOrZero,
  read: SeqOrZero,
  peer_read: Type.Optional(SeqOrZero),
  unread: Type.Integer(),
  last_message: Nullable(Message),
});
export type ChatEntry = Static<typeof ChatEntry>;

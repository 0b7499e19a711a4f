import Type, { type Static } from 'typebox';
import { Chat, ChatEntry, Member, Message } from '../chat/wire.ts';
import { Id, Nullable, Seq, SeqOrZero, Time } from '../common.ts';

/** Every event frame, by its `type`, and the fields of every `ok` reply, by the request's `type`. */

export const Presence = Type.Object({ user_id: Id, online: Type.Boolean(), last_seen_at: Nullable(Time) });
export type Presence = Static<typeof Presence>;

export const eventFrames = {
  ready: Type.Object({
    user_id: Id,
    login_id: Id,
    connection_id: Id,
    server_time: Time,
    ping_ms: Type.Integer(),
    token_expires_at: Time,
  }),
  'message.new': Message,
  'message.changed': Message,
  'chat.new': Type.Object({ chat: Chat }),
  'chat.gone': Type.Object({ chat_id: Id }),
  read: Type.Object({ chat_id: Id, user_id: Id, seq: SeqOrZero }),
  typing: Type.Object({ chat_id: Id, user_id: Id, active: Type.Boolean() }),
  presence: Presence,
  resync: Type.Object({ chat_id: Type.Optional(Id) }),
  bye: Type.Object({ reason: Type.String(), reconnect_after_ms: Type.Integer() }),
} as const;

const Done = Type.Object({ seq: Seq });

export const replyFrames = {
  ping: Type.Object({}),
  auth: Type.Object({ token_expires_at: Time }),
  sync: Type.Object({
    chats: Type.Array(ChatEntry),
    gone: Type.Array(Id),
    next_cursor: Type.Optional(Type.String()),
  }),
  'chat.create': Type.Object({ chat: Chat }),
  'chat.get': Type.Object({
    chat: Chat,
    members: Type.Array(Member),
    next_cursor: Type.Optional(Type.String()),
  }),
  'chat.update': Done,
  'chat.join': Type.Object({ chat: Chat }),
  'chat.leave': Done,
  'member.add': Type.Object({ seq: SeqOrZero, not_added: Type.Array(Id) }),
  'member.remove': Done,
  'member.role': Done,
  'message.send': Type.Object({ chat_id: Id, seq: Seq, created_at: Time }),
  'message.edit': Done,
  'message.delete': Done,
  'reaction.set': Done,
  history: Type.Object({ messages: Type.Array(Message), head: SeqOrZero, has_more: Type.Boolean() }),
  read: Type.Object({ read: SeqOrZero }),
  typing: Type.Object({}),
  'presence.watch': Type.Object({ users: Type.Array(Presence) }),
} as const;

export type EventType = keyof typeof eventFrames;
/** Field by field made before it is asked with a `T` that is still open: what that costs the compiler is seconds. */
type Events = { [K in EventType]: Static<(typeof eventFrames)[K]> };
export type EventFields<T extends EventType> = Events[T];
export type EventFrame<T extends EventType = EventType> = {
  [K in EventType]: { type: K } & EventFields<K>;
}[T];
type Replies = { [K in keyof typeof replyFrames]: Static<(typeof replyFrames)[K]> };
export type ReplyFields<T extends keyof typeof replyFrames> = Replies[T];

/** An error reply. `re` is absent where the request had no id that could be read. */
export interface ErrorFrame {
  re?: string;
  type: 'error';
  code: string;
  reason?: string;
  title: string;
  detail?: string;
  errors?: { path: string; message: string }[];
  retryable: boolean;
  retry_after_ms?: number;
}

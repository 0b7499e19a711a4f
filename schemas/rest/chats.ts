import Type, { type Static } from 'typebox';
import { Chat, ChatEntry, ChatType, Member, Message } from '../chat/wire.ts';
import { About, Cursor, Emoji, Id, Nullable, Seq, SeqOrZero, Strict, Title, UserIds } from '../common.ts';
import { requestFrames } from '../frames/client.ts';
import { replyFrames } from '../frames/server.ts';
import { PageQuery } from './accounts.ts';

/** Bodies, queries and answers of the chat routes: the frames' fields, where REST does not name them otherwise. */

const create = requestFrames['chat.create'].properties;

/** As `chat.create`; what the frame calls `chat_type` is `type` here. */
export const CreateChatBody = Strict({
  type: create.chat_type,
  user_id: create.user_id,
  username: create.username,
  title: create.title,
  about: create.about,
  member_ids: create.member_ids,
});
export type CreateChatBody = Static<typeof CreateChatBody>;

export const UpdateChatBody = Strict({
  title: Type.Optional(Title),
  about: Type.Optional(Nullable(About)),
  username: requestFrames['chat.update'].properties.username,
});
export type UpdateChatBody = Static<typeof UpdateChatBody>;

export const ChatListQuery = Type.Object({
  type: Type.Optional(ChatType),
  search: Type.Optional(Type.String({ maxLength: 100 })),
  ...PageQuery.properties,
});

export const ChatList = Type.Object({ items: Type.Array(ChatEntry), next_cursor: Nullable(Type.String()) });
export const MemberList = Type.Object({ items: Type.Array(Member), next_cursor: Nullable(Type.String()) });

export const AddMembersBody = Strict({ user_ids: UserIds });
export type AddMembersBody = Static<typeof AddMembersBody>;
export const AddMembersAnswer = replyFrames['member.add'];

export const RoleBody = Strict({ role: Type.Enum(['admin', 'member']) });
export type RoleBody = Static<typeof RoleBody>;

const SeqText = Type.String({ pattern: '^(0|[1-9][0-9]{0,14})$' });

/** At most one of `before`, `after` and `around`. */
export const HistoryQuery = Type.Object({
  before: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,14}$' })),
  after: Type.Optional(SeqText),
  around: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,14}$' })),
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]?|1[0-9]{2}|200)$', description: '1–200' })),
});
export const History = replyFrames.history;

const send = requestFrames['message.send'].properties;

/** As `message.send`. Without a `client_id` a repeat is a second message. */
export const SendMessageBody = Strict({
  client_id: Type.Optional(Id),
  kind: Type.Optional(send.kind),
  text: send.text,
  reply_to: send.reply_to,
});
export type SendMessageBody = Static<typeof SendMessageBody>;

export const EditMessageBody = Strict({ text: send.text });
export type EditMessageBody = Static<typeof EditMessageBody>;

export const ReactionBody = Strict({ emoji: Emoji });
export type ReactionBody = Static<typeof ReactionBody>;

export const ReadBody = Strict({ seq: SeqOrZero });
export type ReadBody = Static<typeof ReadBody>;
export const ReadAnswer = replyFrames.read;

export const TypingBody = Strict({ active: Type.Boolean() });
export type TypingBody = Static<typeof TypingBody>;

export const SyncBody = Strict({ chats: requestFrames.sync.properties.chats, cursor: Type.Optional(Cursor) });
export type SyncBody = Static<typeof SyncBody>;
export const SyncAnswer = replyFrames.sync;

/** The chat's seq that a change took. */
export const DoneAnswer = Type.Object({ seq: Seq });

export { PageQuery as MembersQuery } from './accounts.ts';
export { Chat, Message };

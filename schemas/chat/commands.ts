import type { UserShort } from '../common.ts';
import type { RequestFields, RequestType } from '../frames/client.ts';
import type { Chat, Message, Role } from './wire.ts';

/**
 * What the chat actor is asked. The names are the protocol's; `by` is the authenticated caller. Ids are
 * lower-case. Services have looked up users and reserved names before a command leaves them.
 */

type FromFrame<T extends RequestType> = { type: T; by: string } & Omit<
  RequestFields<T>,
  'chat_id' | 'user_id'
>;

export interface CreateChat {
  type: 'chat.create';
  by: string;
  chat_type: 'private' | 'group';
  number: number;
  title: string | null;
  about: string | null;
  /** Of a private chat: the other one's settings let the creator open none. */
  closed?: boolean;
  /** Everybody in the chat, the creator first; a private chat has exactly two. */
  users: UserShort[];
}

export interface AddMembers {
  type: 'member.add';
  by: string;
  users: UserShort[];
  /** Those of them who do not let the caller add them. */
  closed?: string[];
}

/** What a read of the history needs from the owner: everything that PostgreSQL may not have yet. */
export interface ReadHistory {
  type: 'history';
  by: string;
  before?: number;
  after?: number;
  around?: number;
  limit: number;
}

/** Asks a private chat to look again who of its two (`by` and `user_id`) blocks the other. */
export interface ReadBlocks {
  type: 'chat.blocks';
  by: string;
  user_id: string;
}

export type ChatCommand =
  | CreateChat
  | AddMembers
  | ReadHistory
  | ReadBlocks
  /** `if_match`: only where `chatTag` of the chat is one of these. */
  | (FromFrame<'chat.update'> & { if_match?: readonly string[] })
  | FromFrame<'message.send'>
  | FromFrame<'message.edit'>
  | FromFrame<'message.delete'>
  | FromFrame<'reaction.set'>
  | FromFrame<'read'>
  | FromFrame<'typing'>
  | { type: 'chat.join'; by: string }
  | { type: 'chat.leave'; by: string }
  | { type: 'member.remove'; by: string; user_id: string }
  | { type: 'member.role'; by: string; user_id: string; role: 'admin' | 'member' }
  /** The chat as `by` sees it; when asked, a page of the members whose joined_seq is greater. */
  | { type: 'chat.get'; by: string; members_after?: number; members_limit?: number }
  /**
   * Head, marks and newest message for `sync` and the chat list. `lean`: only a `HotMembership` is wanted, for attaching;
   * an owner of an older release answers with everything.
   */
  | { type: 'chat.entry'; by: string; lean?: boolean };

export type ChatCommandType = ChatCommand['type'];

export interface CreateReply {
  /** As the caller sees it. */
  chat: Chat;
  /** False: it was there before. */
  created: boolean;
}

export interface SendReply {
  chat_id: string;
  seq: number;
  created_at: string;
}

/** `seq` is the newest event's that the command made; if nothing had to change, the newest one's before. */
export interface DoneReply {
  seq: number;
}

export interface AddReply extends DoneReply {
  /** Who may not be added by this caller. Those who were in the chat already are not listed. */
  not_added: string[];
}

export interface GetReply {
  /** As the caller sees it, but without `peer`. */
  chat: Chat;
  /** The other user of a private chat. */
  peer_id?: string;
  members: HotMember[];
  /** The next page's `members_after`. */
  next?: number;
}

export interface HotMember {
  user_id: string;
  role: Role;
  read: number;
  joined_seq: number;
}

/** The lean answer to `chat.entry`. Where `member` is false `member_seq` means nothing. */
export interface HotMembership {
  member: boolean;
  /** The seq of the chat's newest membership change. */
  member_seq: number;
}

/**
 * The answer to `chat.entry`: the hot truth that overlays the chat list's SQL rows. Where `member` is false
 * nothing else in it means anything.
 */
export interface HotEntry extends HotMembership {
  role: Role;
  title: string | null;
  about: string | null;
  username: string | null;
  members_count: number;
  head: number;
  read: number;
  peer_read?: number;
  unread: number;
  last_message: Message | null;
}

/** The answer to `history`: what of the page the owner holds. */
export interface HotHistory {
  head: number;
  /**
   * What memory holds of the page, in its order (`around`: newest first), as far as it can be in the page:
   * everything that PostgreSQL may lack is here, or lies beyond `low` or `high`.
   */
  messages: Message[];
  /** Memory holds more beyond this seq: nothing older may be in the page. */
  low?: number;
  /** The same for newer messages: by `changed_seq` for `after`, by `seq` for `around`. */
  high?: number;
  /** For `after`: messages whose newest change lies beyond `high`; PostgreSQL's rows of them are old. */
  moved: number[];
  /** True when `messages` is the whole page, so that PostgreSQL need not be asked. */
  complete: boolean;
  /** Meaningful where `complete`. */
  has_more: boolean;
}

import type { UserShort } from '../common.ts';
import type { RequestFields, RequestType } from '../frames/client.ts';
import type { Message, Role } from './wire.ts';

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
  /** Everybody in the chat, the creator first; a private chat has exactly two. */
  users: UserShort[];
}

export interface AddMembers {
  type: 'member.add';
  by: string;
  users: UserShort[];
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

export type ChatCommand =
  | CreateChat
  | AddMembers
  | ReadHistory
  | FromFrame<'chat.update'>
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
  /** The chat as `by` sees it, with members from `cursor` (0-based) on when asked. */
  | { type: 'chat.get'; by: string; members_from?: number }
  /** Head, marks and newest message for `sync`, the chat list and attaching. */
  | { type: 'chat.entry'; by: string };

export type ChatCommandType = ChatCommand['type'];

/** The answer to `chat.entry`: the hot truth that overlays the chat list's SQL rows. */
export interface HotEntry {
  member: boolean;
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
  /** The seq of the chat's newest membership change. */
  member_seq: number;
}

/** The answer to `history`: what of the page the owner holds. */
export interface HotHistory {
  head: number;
  /** Every message of the page's range that is hot or changed since the last flush. */
  messages: Message[];
  /** True when `messages` is the whole page, so that PostgreSQL need not be asked. */
  complete: boolean;
  has_more: boolean;
}

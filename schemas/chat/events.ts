import type { Chat, ChatType, Message, Role } from './wire.ts';

/**
 * What the chat actor journals. Every event is a new message or the change of one and takes exactly one
 * seq: its message's `changed_seq`. Events carry all that their frames and their rows need, as absolute
 * values, so that a replay after a crash says and writes the same again.
 */
export type ChatEvent = MessagePosted | ChatNoted | MessageChanged;

interface ChatEventBase {
  /** As it is after the event. */
  message: Message;
  /** The chat's messages up to and with this one, service messages not counted. */
  ordinal: number;
  /** The seq of the chat's newest membership change, this event's included. */
  member_seq: number;
}

/** Somebody wrote. Moves the sender's own read mark to it, and the sender's greatest `client_id`. */
export interface MessagePosted extends ChatEventBase {
  type: 'posted';
}

/** A service message: the chat or its members changed. */
export interface ChatNoted extends ChatEventBase {
  type: 'noted';
  members_count: number;
  /** Members as they are after the event, those who are concerned. */
  members: MemberRow[];
  /** Of a chat that was made or renamed: all of it. */
  facts?: ChatFacts;
  /** Who is told `chat.new`, with the chat as they see it. */
  welcome?: { user_id: string; chat: Chat }[];
  /** Who is told `chat.gone` and receives nothing more. */
  gone?: string;
}

/** An edit, a deletion or a reaction. */
export interface MessageChanged extends ChatEventBase {
  type: 'changed';
  /** Whose reaction this is; `emoji` null takes it back. */
  reaction?: { user_id: string; emoji: string | null };
}

/** What a chat says of itself, whoever looks. */
export interface ChatFacts {
  number: number;
  type: ChatType;
  title: string | null;
  about: string | null;
  username: string | null;
  created_by: string;
  created_at: string;
}

/** One user's membership, present or past. */
export interface MemberRow {
  user_id: string;
  role: Role;
  joined_seq: number;
  /** Null while they are in the chat. */
  left_seq: number | null;
  /** By an admin: may not come back by themselves. */
  removed: boolean;
  read: number;
  read_ordinal: number;
  /** The greatest version 7 `client_id` that was accepted of them; kept after leaving. */
  last_client_id: string | null;
}

/** A read mark, written behind without the journal. `ordinal` is the chat's at `read`. */
export interface ReadMark {
  user_id: string;
  read: number;
  ordinal: number;
}

/** The seq that an event takes. */
export function seqOf(event: ChatEvent): number {
  return event.message.changed_seq;
}

import type { HotEntry } from '../../schemas/chat/commands.ts';
import { chatView } from '../../schemas/chat/view.ts';
import type { Chat, ChatEntry, Message } from '../../schemas/chat/wire.ts';
import type { UserShort } from '../../schemas/common.ts';
import type { ChatRow } from './chats.store.ts';

/** A chat as PostgreSQL has it, without `peer`. */
export function chatOfRow(row: ChatRow): Chat {
  return chatView(row.id, row, { head: row.head_seq, members_count: row.members_count, role: row.role });
}

/** One of a user's chats, before its newest message and its peer are known. */
export interface Overview {
  row: ChatRow;
  /** From the owner, where it holds the chat. */
  hot: HotEntry | undefined;
  head: number;
  read: number;
  /** The time of the newest message: chats are listed by it. */
  active_at: string;
}

export function overviewOf(row: ChatRow, hot: HotEntry | undefined): Overview {
  return {
    row,
    hot,
    head: hot?.head ?? row.head_seq,
    read: hot?.read ?? row.read_seq,
    active_at: hot?.last_message?.created_at ?? row.last_activity_at,
  };
}

/** `stored`: the newest message as PostgreSQL has it, for chats that nobody holds in memory. */
export function entryOf(
  { row, hot, head, read }: Overview,
  stored: Message | undefined,
  peer: UserShort | undefined,
): ChatEntry {
  const chat: Chat = { ...chatOfRow(row), head, ...(peer && { peer }) };
  if (hot !== undefined) {
    const { role, title, about, username, members_count } = hot;
    Object.assign(chat, { role, title, about, members_count });
    if (row.type !== 'private') chat.username = username;
  }
  const peer_read = hot === undefined ? row.peer_read : hot.peer_read;
  return {
    chat,
    head,
    read,
    ...(peer_read != null && { peer_read }),
    unread: hot?.unread ?? row.messages_count - row.read_ordinal,
    last_message: (hot === undefined ? stored : hot.last_message) ?? null,
  };
}

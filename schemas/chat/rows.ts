import type { Message, MessageKind, Reaction, ServiceNote } from './wire.ts';

/** A row of `messages` with its reactions, as both the chat actor and the chats service read it. */
export interface MessageRow {
  chat_id: string;
  seq: number;
  sender_id: string;
  kind: MessageKind;
  text: string;
  reply_to: number | null;
  service: ServiceNote | null;
  client_id: string | null;
  ordinal: number;
  created_at: string;
  edited_at: string | null;
  deleted_at: string | null;
  changed_seq: number;
  reactions: Reaction[] | null;
}

/** The row as clients see it; `pair` are the two of a private chat. */
export function messageOf(
  row: Omit<MessageRow, 'ordinal'>,
  pair: readonly [string, string] | undefined,
): Message {
  return {
    chat_id: row.chat_id,
    seq: row.seq,
    sender_id: row.sender_id,
    ...(pair && { receiver_id: pair[0] === row.sender_id ? pair[1] : pair[0] }),
    kind: row.kind,
    text: row.text,
    media: null,
    reply_to: row.reply_to,
    service: row.service,
    client_id: row.client_id,
    created_at: row.created_at,
    edited_at: row.edited_at,
    deleted_at: row.deleted_at,
    changed_seq: row.changed_seq,
    reactions: row.reactions ?? [],
  };
}

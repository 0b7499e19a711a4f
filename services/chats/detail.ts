import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import type { GetReply } from '../../schemas/chat/commands.ts';
import type { Chat, Member } from '../../schemas/chat/wire.ts';
import type { ReplyFields } from '../../schemas/frames/server.ts';
import { limits } from '../../schemas/limits.ts';
import { readMembers } from './chats.store.ts';
import { decodePlace, encodePlace } from './cursors.ts';
import { type ChatsParts, callerOf, deletedUser, findUsers, noChat, peekChat } from './parts.ts';
import { chatOfRow } from './views.ts';

/** One chat with its members. The owner answers where it holds the chat, PostgreSQL where nobody does. */
export function detailActions(parts: ChatsParts) {
  return {
    /** The chat and a page of its members, those who are longest in it first. Throws `not_found`, `invalid` (`bad_cursor`). */
    async get(
      { chat_id, cursor }: { chat_id: string; cursor?: string },
      meta: CallMeta,
    ): Promise<ReplyFields<'chat.get'>> {
      const { chat, members, next_cursor } = await read(chat_id, cursor, limits.membersPage, meta);
      return { chat, members, ...(next_cursor !== null && { next_cursor }) };
    },

    /** The chat alone. Throws `not_found`. */
    async one({ chat_id }: { chat_id: string }, meta: CallMeta): Promise<Chat> {
      return (await read(chat_id, undefined, 0, meta)).chat;
    },

    /** The members alone, as a list. Throws `not_found`, `invalid` (`bad_cursor`). */
    async members(
      { chat_id, limit, cursor }: { chat_id: string; limit: number; cursor?: string },
      meta: CallMeta,
    ): Promise<{ items: Member[]; next_cursor: string | null }> {
      const { members, next_cursor } = await read(chat_id, cursor, limit, meta);
      return { items: members, next_cursor };
    },
  };

  async function read(chatId: string, cursor: string | undefined, limit: number, meta: CallMeta) {
    const by = callerOf(meta);
    const after = cursor === undefined ? 0 : memberPlace(cursor);
    const paging = limit === 0 ? {} : { members_after: after, members_limit: limit };
    const reply =
      (await peekChat<GetReply>(parts, chatId, { type: 'chat.get', by, ...paging }, meta)) ??
      (await storing(() => stored(chatId, by, after, limit)));
    const ids = reply.members.map(({ user_id }) => user_id);
    const users = await findUsers(parts, reply.peer_id === undefined ? ids : [...ids, reply.peer_id], meta);
    const userOf = (id: string) => users.get(id) ?? deletedUser(id);
    const members = reply.members.map(({ user_id, ...member }): Member => {
      return { user: userOf(user_id), ...member };
    });
    const chat = reply.peer_id === undefined ? reply.chat : { ...reply.chat, peer: userOf(reply.peer_id) };
    const next_cursor = reply.next === undefined ? null : encodePlace('m', reply.next);
    return { chat, members, next_cursor };
  }

  async function stored(chatId: string, by: string, after: number, limit: number): Promise<GetReply> {
    const row = await parts.reads.row({ user_id: by, chat_id: chatId });
    if (row === undefined || row.left_seq !== null) throw noChat();
    const found = limit === 0 ? [] : await readMembers(parts.db, chatId, by, after, limit);
    const members = found.slice(0, limit);
    const next = found.length > limit ? members.at(-1)?.joined_seq : undefined;
    return {
      chat: chatOfRow(row),
      ...(row.peer_id !== null && { peer_id: row.peer_id }),
      members,
      ...(next !== undefined && { next }),
    };
  }
}

function memberPlace(cursor: string): number {
  const [seq] = decodePlace('m', cursor, 1);
  return Number(seq);
}

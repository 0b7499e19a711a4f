import type { CallMeta } from '../../ops/broker/call.ts';
import type { AddReply } from '../../schemas/chat/commands.ts';
import type { Chat } from '../../schemas/chat/wire.ts';
import { askChat, type ChatsParts, callerOf, closedUsers, findUsers } from './parts.ts';

export function memberActions(parts: ChatsParts) {
  return {
    /**
     * Adds users to a group. Who is no user, or may not be added by this caller, is in `not_added`. Throws
     * `not_found`, `forbidden` (`private_chat`), `unprocessable` (`chat_full`: nobody was added).
     */
    async add_members(
      { chat_id, user_ids }: { chat_id: string; user_ids: string[] },
      meta: CallMeta,
    ): Promise<AddReply> {
      const by = callerOf(meta);
      const wanted = [...new Set(user_ids)];
      const known = await findUsers(parts, wanted, meta);
      const closed = await closedUsers(parts, 'groups', known.keys(), meta);
      const users = wanted.flatMap((id) => known.get(id) ?? []);
      const reply = await askChat<AddReply>(
        parts,
        chat_id,
        { type: 'member.add', by, users, closed: [...closed] },
        meta,
      );
      const unknown = wanted.filter((id) => !known.has(id));
      return { seq: reply.seq, not_added: [...unknown, ...reply.not_added] };
    },

    /** Throws `not_found` (also for groups without a public name), `forbidden` (`removed`), `unprocessable` (`chat_full`). */
    async join({ chat_id }: { chat_id: string }, meta: CallMeta): Promise<{ chat: Chat }> {
      return askChat(parts, chat_id, { type: 'chat.join', by: callerOf(meta) }, meta);
    },
  };
}

import type { CallMeta } from '../../ops/broker/call.ts';
import { isUniqueViolation, storing } from '../../ops/connections/postgres.ts';
import type { DoneReply, GetReply } from '../../schemas/chat/commands.ts';
import { fail, refusalOf } from '../../schemas/errors.ts';
import type { RequestFields } from '../../schemas/frames/client.ts';
import { askChat, type ChatsParts, callerOf } from './parts.ts';
import { freeUsername, isShownElsewhere, reservedUsername, reserveUsername } from './usernames.store.ts';

/** `if_match`: only where the chat's tag (`chatTag`) is one of these. */
type UpdateParams = RequestFields<'chat.update'> & { if_match?: string[] };

export function updateActions(parts: ChatsParts) {
  return {
    /**
     * Changes title, about or public name (`username` null: the group is public no more). Throws
     * `not_found`, `forbidden` (`private_chat`, `not_admin`), `conflict` (`username_taken`, `changed`).
     */
    async update({ chat_id, ...changes }: UpdateParams, meta: CallMeta): Promise<DoneReply> {
      const by = callerOf(meta);
      const send = () => askChat<DoneReply>(parts, chat_id, { type: 'chat.update', by, ...changes }, meta);
      const { username } = changes;
      if (username === undefined) return send();
      if (username !== null) return withUsername(chat_id, username, by, meta, send);
      const done = await send();
      // Stored: no row shows the name any more.
      await storing(() => freeUsername(parts.db, chat_id));
      return done;
    },
  };

  /**
   * A name is reserved first, then used. While a reservation moves on, the old name stays safe: nobody
   * gets a name that a chat's row still shows.
   */
  async function withUsername(
    chatId: string,
    username: string,
    by: string,
    meta: CallMeta,
    send: () => Promise<DoneReply>,
  ): Promise<DoneReply> {
    const { chat } = await askChat<GetReply>(parts, chatId, { type: 'chat.get', by }, meta);
    if (chat.type === 'private' || chat.role === 'member') return send(); // The owner refuses it.
    const before = await storing(() => reservedUsername(parts.db, chatId));
    await reserve(chatId, username);
    try {
      if (await storing(() => isShownElsewhere(parts.db, chatId, username))) throw taken();
      return await send();
    } catch (error) {
      // Of unknown outcome: the name may be in use, so it stays reserved.
      if (refusalOf(error).code !== 'timeout' && refusalOf(error).code !== 'internal')
        await storing(() => restore(chatId, before));
      throw error;
    }
  }

  async function reserve(chatId: string, username: string): Promise<void> {
    try {
      await storing(() => reserveUsername(parts.db, chatId, username));
    } catch (error) {
      throw isUniqueViolation(error) ? taken() : error;
    }
  }

  async function restore(chatId: string, before: string | undefined): Promise<void> {
    if (before === undefined) await freeUsername(parts.db, chatId);
    else
      await reserveUsername(parts.db, chatId, before).catch((error) => {
        // Somebody is just trying for the old name, and will find that this chat's row still shows it.
        if (!isUniqueViolation(error)) throw error;
      });
  }
}

function taken() {
  return fail('conflict', { reason: 'username_taken', detail: 'Another chat has this name' });
}

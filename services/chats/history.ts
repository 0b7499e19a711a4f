import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import type { HotHistory, ReadHistory } from '../../schemas/chat/commands.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import { fail } from '../../schemas/errors.ts';
import type { RequestFields } from '../../schemas/frames/client.ts';
import type { ReplyFields } from '../../schemas/frames/server.ts';
import { limits } from '../../schemas/limits.ts';
import { mergeHistory } from './merge-history.ts';
import { type Part, readPages } from './messages.store.ts';
import { type ChatsParts, callerOf, noChat, peekChat } from './parts.ts';

type History = ReplyFields<'history'>;

/**
 * Pages of a chat's history. The owner is asked first: it gives what PostgreSQL may lack (`hot`), and often
 * all of the page. What it did not give was flushed by then, so PostgreSQL, read afterwards, has it. A
 * flush between the two only makes the same messages come from both: of each the greater `changed_seq` is
 * kept. A chat that nobody holds in memory is read from PostgreSQL alone.
 */
export function historyActions(parts: ChatsParts) {
  return {
    /**
     * At most one of `before` (newest first), `after` (created or changed past it, by `changed_seq`; when
     * `has_more` is false the page reaches `head`), `around` (newest first; `has_more`: on either side), or
     * none: the newest. Throws `not_found`, `invalid`.
     */
    async history({ chat_id, ...query }: RequestFields<'history'>, meta: CallMeta): Promise<History> {
      const by = callerOf(meta);
      if ([query.before, query.after, query.around].filter((from) => from !== undefined).length > 1)
        throw fail('invalid', { errors: [{ path: '', message: 'takes one of before, after and around' }] });
      return read(
        chat_id,
        { type: 'history', by, ...query, limit: query.limit ?? limits.historyDefault },
        meta,
      );
    },

    /** One message. Throws `not_found`. */
    async message({ chat_id, seq }: { chat_id: string; seq: number }, meta: CallMeta): Promise<Message> {
      const query: ReadHistory = { type: 'history', by: callerOf(meta), before: seq + 1, limit: 1 };
      const [message] = (await read(chat_id, query, meta)).messages;
      if (message?.seq !== seq) throw fail('not_found', { reason: 'no_message' });
      return message;
    },
  };

  async function read(chatId: string, query: ReadHistory, meta: CallMeta): Promise<History> {
    const hot = await peekChat<HotHistory>(parts, chatId, query, meta);
    if (hot?.complete) return { messages: hot.messages, head: hot.head, has_more: hot.has_more };
    const member = hot === undefined ? query.by : undefined;
    const stored = async (...wanted: Part[]) => {
      const more = wanted.map(({ range, limit }) => ({ range, limit: limit + 1 }));
      const found = await storing(() => readPages(parts.db, chatId, more, member));
      if (found !== undefined) return found;
      if (hot === undefined) throw noChat();
      return { head: 0, pages: [] };
    };
    return mergeHistory(query, hot ?? cold, stored);
  }
}

const cold: HotHistory = { head: 0, messages: [], moved: [], complete: false, has_more: false };

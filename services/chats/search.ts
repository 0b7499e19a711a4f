import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import { createPermits } from '../../ops/connections/postgres-permits.ts';
import { systemClock } from '../../ops/process/clock.ts';
import type { HotMembership } from '../../schemas/chat/commands.ts';
import { fitPage } from '../../schemas/chat/pages.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import { fail } from '../../schemas/errors.ts';
import { isUuid } from '../../schemas/ids.ts';
import type { FoundMessage, MessageSearch } from '../../schemas/rest/messages.ts';
import { badCursor, decodePlace, encodePlace } from './cursors.ts';
import { findMessages, type Position } from './find-messages.ts';
import type { Place } from './message-search.store.ts';
import { type ChatsParts, callerOf, noChat, peekChat, peekChats } from './parts.ts';
import { excerptOf, type SearchWord, wordsOf } from './search-words.ts';

/** Searches at once; they hold a core each. Others wait, some, and for so long. */
const atOnce = { count: 2, maxWaiting: 64, timeoutMs: 2000, clock: systemClock };

/** The search for messages in the caller's chats, in what is flushed: it is behind by the flush lag. */
export function searchActions(parts: ChatsParts) {
  const { db, reads } = parts;
  const permits = createPermits(atOnce);

  return {
    /**
     * The newest messages that have all words of `q`. A page may have fewer than `limit`, or none, where so many
     * messages were read in vain that the caller should not wait longer, and fewer where they are long: `next_cursor`
     * goes on just there. Throws `not_found` (`no_chat`), `invalid` (`bad_cursor`, or a date that there is not),
     * `unavailable`.
     */
    async search(
      query: MessageSearch,
      meta: CallMeta,
    ): Promise<{ items: FoundMessage[]; next_cursor: string | null }> {
      const by = callerOf(meta);
      const { q, chat_id, sender_id, kind, limit, cursor } = query;
      const position = cursor === undefined ? { wide: false } : positionOf(cursor);
      const words = wordsOf(q);
      if (chat_id !== undefined) await mustBeIn(chat_id, by, meta);
      const wanted = {
        user_id: by,
        words,
        limit,
        ...(chat_id !== undefined && { chat_id }),
        ...(sender_id !== undefined && { sender_id }),
        ...(kind !== undefined && { kind }),
        ...times(query),
      };
      const { places, next } = await storing(() => permitted(() => findMessages(db, wanted, position)));
      const found = await itemsOf(places, words, by, meta);
      const items = fitPage(found);
      const last = items.at(-1);
      const cut = places.find(({ chat_id, seq }) => chat_id === last?.chat_id && seq === last.seq);
      const goesOn =
        items.length < found.length && cut !== undefined
          ? { wide: next?.wide ?? position.wide, before: cut }
          : next;
      return { items, next_cursor: goesOn === undefined ? null : cursorOf(goesOn) };
    },
  };

  async function permitted<T>(work: () => Promise<T>): Promise<T> {
    const giveBack = await permits.take();
    try {
      return await work();
    } finally {
      giveBack();
    }
  }

  /** As `history` refuses it. */
  async function mustBeIn(chat_id: string, by: string, meta: CallMeta): Promise<void> {
    const hot = await peekChat<HotMembership>(parts, chat_id, { type: 'chat.entry', by, lean: true }, meta);
    if (hot?.member) return;
    const row = hot === undefined ? await storing(() => reads.row({ user_id: by, chat_id })) : undefined;
    if (row === undefined || row.left_seq !== null) throw noChat();
  }

  /**
   * As they are by now. Left out is what was changed meanwhile so that it does not match, and what is in a chat whose
   * owner says that the caller has left it, or cannot say: the rows may not know yet.
   */
  async function itemsOf(
    places: readonly Place[],
    words: readonly SearchWord[],
    by: string,
    meta: CallMeta,
  ): Promise<FoundMessage[]> {
    const chats = [...new Set(places.map(({ chat_id }) => chat_id))];
    const { hot, waiting } = await peekChats<HotMembership>(
      parts,
      chats,
      { type: 'chat.entry', by, lean: true },
      meta,
    );
    const allowed = places.filter(
      ({ chat_id }) => !waiting.has(chat_id) && (hot.get(chat_id)?.member ?? true),
    );
    const messages = await storing(() =>
      Promise.all(allowed.map(({ chat_id, seq }) => reads.message({ chat_id, seq }))),
    );
    return messages.flatMap((message) => (message === undefined ? [] : itemOf(message, words)));
  }
}

function itemOf(message: Message, words: readonly SearchWord[]): FoundMessage[] {
  const excerpt = excerptOf(message.text, words);
  return excerpt === undefined ? [] : [{ ...message, ...excerpt }];
}

function times({ from, to }: MessageSearch): { from?: number; to?: number } {
  return {
    ...(from !== undefined && { from: timeOf('from', from) }),
    ...(to !== undefined && { to: timeOf('to', to) }),
  };
}

/** A leap second passes the schema, and is no time to us. */
function timeOf(name: string, text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw fail('invalid', { errors: [{ path: `/${name}`, message: 'is no time' }] });
  return ms;
}

function cursorOf({ before: { at, chat_id, seq }, wide }: Required<Position>): string {
  return encodePlace('s', at, chat_id, seq, wide ? 1 : 0);
}

function positionOf(cursor: string): Position {
  const [at, chat_id = '', seq, wide] = decodePlace('s', cursor, 4);
  const before = { at: Number(at), chat_id, seq: Number(seq) };
  const isPlace = before.at <= 8.64e15 && isUuid(chat_id) && Number.isSafeInteger(before.seq);
  if (!isPlace) throw badCursor();
  return { before, wide: wide === '1' };
}

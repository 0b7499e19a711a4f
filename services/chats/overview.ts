import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import type { ChatCommand, HotEntry, HotMembership } from '../../schemas/chat/commands.ts';
import { fitPage } from '../../schemas/chat/pages.ts';
import type { ChatEntry, ChatType, Message } from '../../schemas/chat/wire.ts';
import type { UserShort } from '../../schemas/common.ts';
import type { RequestFields } from '../../schemas/frames/client.ts';
import type { ReplyFields } from '../../schemas/frames/server.ts';
import { afterPlace, compareActivity, nextPlace } from './activity.ts';
import { type ChatRow, chatIdsOf } from './chats.store.ts';
import { type ChatsParts, callerOf, deletedUser, findUsers, peekChats } from './parts.ts';
import { takeSyncPage } from './sync-page.ts';
import { entryOf, type Overview, overviewOf } from './views.ts';

/**
 * All chats of a user at once. SQL says which they are (joining and leaving are answered when it has
 * them), the owners say how those stand that they hold, and SQL, read after that, says it of the others.
 * All of them are looked at for each page: a chat that was just used must come first, also before its
 * use is flushed. A chat that waits for an operator is shown as SQL has it, and attached by that: what is said in it
 * afterwards names its newest change of members, and gateways that know less ask who is in it.
 */
export function overviewActions(parts: ChatsParts) {
  const { db, reads } = parts;
  return {
    /** What differs from what the client holds. Throws `invalid` (`bad_cursor`), `unavailable`. */
    async sync(
      { chats: held = {}, cursor }: RequestFields<'sync'>,
      meta: CallMeta,
    ): Promise<ReplyFields<'sync'>> {
      const by = callerOf(meta);
      const own = await storing(() => reads.chatIds(by));
      // Whether the user has left those is asked of their owners, too: what is in memory may be ahead.
      const claimed = Object.keys(held).filter((id) => !own.includes(id));
      const { present, undecided } = await look(by, [...own, ...claimed], meta);
      const differs = ({ row, head, read }: Overview) => {
        const [heldHead, heldRead] = held[row.id] ?? [];
        return head !== heldHead || read !== heldRead;
      };
      const page = await takeSyncPage(present, cursor, differs, (some) => entriesOf(some, meta));
      const here = new Set([...present.map(({ row }) => row.id), ...undecided]);
      const gone = cursor === undefined ? Object.keys(held).filter((id) => !here.has(id)) : [];
      return { ...page, gone };
    },

    /**
     * The chat list, newest activity first; a page of long messages has fewer than `limit`. `search` looks into
     * titles, public names, and names of peers.
     */
    async list(
      {
        type,
        search = '',
        limit,
        cursor,
      }: { type?: ChatType; search?: string; limit: number; cursor?: string },
      meta: CallMeta,
    ): Promise<{ items: ChatEntry[]; next_cursor: string | null }> {
      const by = callerOf(meta);
      const ids = await storing(() => (type === undefined ? reads.chatIds(by) : chatIdsOf(db, by, type)));
      const { present } = await look(by, ids, meta);
      const found = search.trim() === '' ? present : await matching(present, search.trim(), meta);
      const rest = afterPlace(found.sort(compareActivity), cursor);
      const items = fitPage(await entriesOf(rest.slice(0, limit), meta));
      const last = rest[items.length - 1];
      const next_cursor = rest.length > items.length && last !== undefined ? nextPlace(last) : null;
      return { items, next_cursor };
    },

    /** The caller's groups, for a connection to attach to: only those whose membership is sure. */
    async attach(_: object, meta: CallMeta): Promise<{ chats: { id: string; member_seq: number }[] }> {
      const by = callerOf(meta);
      const ids = await storing(() => reads.groupIds(by));
      const { present } = await meet<HotMembership>(ids, { type: 'chat.entry', by, lean: true }, meta);
      return {
        chats: present.map(({ row, hot }) => ({ id: row.id, member_seq: hot?.member_seq ?? row.member_seq })),
      };
    },
  };

  /** How these chats stand for a user who is in them; `undecided`: the user is, or may be, but no row says more yet. */
  async function look(
    by: string,
    ids: readonly string[],
    meta: CallMeta,
  ): Promise<{ present: Overview[]; undecided: string[] }> {
    const { present, undecided } = await meet<HotEntry>(ids, { type: 'chat.entry', by }, meta);
    return { present: present.map(({ row, hot }) => overviewOf(row, hot)), undecided };
  }

  /** The rows of those that the user is in, with what the owner says where it holds the chat. */
  async function meet<Hot extends HotMembership>(
    ids: readonly string[],
    command: Extract<ChatCommand, { type: 'chat.entry' }>,
    meta: CallMeta,
  ): Promise<{ present: { row: ChatRow; hot: Hot | undefined }[]; undecided: string[] }> {
    const { by } = command;
    const { hot, waiting } = await peekChats<Hot>(parts, ids, command, meta);
    const wanted = ids.filter((id) => hot.get(id)?.member ?? true);
    const read = await storing(() =>
      Promise.all(wanted.map((chat_id) => reads.row({ user_id: by, chat_id }))),
    );
    const rows = read.filter((row) => row !== undefined);
    const present = rows
      .filter(({ id, left_seq }) => hot.has(id) || left_seq === null)
      .map((row) => ({ row, hot: hot.get(row.id) }));
    const known = new Set(rows.map(({ id }) => id));
    const undecided = wanted.filter((id) => (hot.has(id) || waiting.has(id)) && !known.has(id));
    return { present, undecided };
  }

  async function entriesOf(page: readonly Overview[], meta: CallMeta): Promise<ChatEntry[]> {
    const stored = page.filter(({ hot, row }) => hot === undefined && row.last_message_seq > 0);
    const wanted = stored.map(({ row }) => ({ chat_id: row.id, seq: row.last_message_seq }));
    const messages = new Map<string, Message>();
    for (const message of await storing(() => Promise.all(wanted.map(reads.message))))
      if (message !== undefined) messages.set(message.chat_id, message);
    const peers = await peersOf(page, meta);
    return page.map((each) => entryOf(each, messages.get(each.row.id), peers.get(each.row.id)));
  }

  /** The other users of private chats, by chat. */
  async function peersOf(chats: readonly Overview[], meta: CallMeta): Promise<Map<string, UserShort>> {
    const pairs = chats.flatMap(({ row: { id, peer_id } }) =>
      peer_id === null ? [] : [[id, peer_id] as const],
    );
    const users = await findUsers(
      parts,
      pairs.map(([, peer]) => peer),
      meta,
    );
    return new Map(pairs.map(([id, peer]) => [id, users.get(peer) ?? deletedUser(peer)]));
  }

  async function matching(chats: readonly Overview[], search: string, meta: CallMeta): Promise<Overview[]> {
    const text = search.toLowerCase().replace(/^@/, '');
    const peers = await peersOf(chats, meta);
    return chats.filter(({ row, hot }) => {
      const { title, username } = hot ?? row;
      const peer = peers.get(row.id);
      const names = [title, username, peer?.username, peer?.display_name];
      return names.some((name) => name?.toLowerCase().includes(text));
    });
  }
}

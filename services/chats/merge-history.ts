import type { HotHistory, ReadHistory } from '../../schemas/chat/commands.ts';
import { cutPage, halves } from '../../schemas/chat/pages.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import type { ReplyFields } from '../../schemas/frames/server.ts';
import type { Part, StoredPages } from './messages.store.ts';

type History = ReplyFields<'history'>;

/** Reads parts of what is flushed, each with one message more than its `limit`: it says that there are more. */
export type Stored = (...parts: Part[]) => Promise<StoredPages>;

/**
 * One page out of what the owner held (`hot`) and what PostgreSQL holds since: nothing is missing, nothing
 * comes twice, and of each message the newest of both versions is given.
 */
export async function mergeHistory(query: ReadHistory, hot: HotHistory, stored: Stored): Promise<History> {
  const { before, after, around, limit } = query;
  if (after !== undefined) return mergeChanged(after, limit, hot, stored);
  if (around === undefined) {
    const start = before ?? Number.MAX_SAFE_INTEGER;
    const { head, pages } = await stored({ range: { before: start }, limit });
    const { messages, has_more } = mergeDown(hot, pages[0] ?? [], limit);
    return { messages, head: Math.max(hot.head, head), has_more };
  }
  const { newer, older, bytes } = halves(limit);
  const isAbove = ({ seq }: Message) => seq > around;
  const { head, pages } = await stored(
    { range: { above: around }, limit: newer },
    { range: { before: around + 1 }, limit: older },
  );
  const [above = [], below = []] = pages;
  const up = mergeUp({ ...hot, messages: hot.messages.filter(isAbove) }, above, newer, bytes);
  const notAbove = hot.messages.filter((message) => !isAbove(message));
  const down = mergeDown({ ...hot, messages: notAbove }, below, older, bytes);
  return {
    messages: [...up.messages.reverse(), ...down.messages],
    head: Math.max(hot.head, head),
    has_more: up.has_more || down.has_more,
  };
}

interface Merged {
  messages: Message[];
  has_more: boolean;
}

function mergeDown(hot: HotHistory, stored: Message[], limit: number, bytes?: number): Merged {
  const { low = 0 } = hot;
  const all = newestVersions(hot.messages, stored).sort((a, b) => b.seq - a.seq);
  const messages = cutPage(
    all.filter(({ seq }) => seq >= low),
    limit,
    bytes,
  );
  return { messages, has_more: messages.length < all.length || low > 0 };
}

function mergeUp(hot: HotHistory, stored: Message[], limit: number, bytes: number): Merged {
  const { high = Number.MAX_SAFE_INTEGER } = hot;
  const all = newestVersions(hot.messages, stored).sort((a, b) => a.seq - b.seq);
  const messages = cutPage(
    all.filter(({ seq }) => seq <= high),
    limit,
    bytes,
  );
  return { messages, has_more: messages.length < all.length || hot.high !== undefined };
}

/** PostgreSQL leaves out what memory has newer, so that its rows reach as far as the page needs. */
async function mergeChanged(after: number, limit: number, hot: HotHistory, stored: Stored): Promise<History> {
  const { high = Number.MAX_SAFE_INTEGER } = hot;
  const moved = hot.moved.map((seq) => ({ seq, changed_seq: high }));
  const { head, pages } = await stored({ range: { after, newer: [...hot.messages, ...moved] }, limit });
  const all = newestVersions(hot.messages, pages[0] ?? []).sort((a, b) => a.changed_seq - b.changed_seq);
  const messages = cutPage(
    all.filter(({ changed_seq }) => changed_seq <= high),
    limit,
  );
  const has_more = messages.length < all.length || hot.high !== undefined;
  return { messages, head: Math.max(hot.head, head), has_more };
}

function newestVersions(hot: readonly Message[], stored: readonly Message[]): Message[] {
  const bySeq = new Map(hot.map((message) => [message.seq, message]));
  for (const message of stored) {
    const other = bySeq.get(message.seq);
    if (other === undefined || message.changed_seq > other.changed_seq) bySeq.set(message.seq, message);
  }
  return [...bySeq.values()];
}

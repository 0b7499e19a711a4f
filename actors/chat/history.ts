import type { HotHistory, ReadHistory } from '../../schemas/chat/commands.ts';
import { cutPage, halves } from '../../schemas/chat/pages.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import { type HotTail, indexFrom } from './hot-tail.ts';

/** Pages of the history, as far as the tail holds them. */
export function hotHistory(tail: HotTail, head: number, query: ReadHistory): HotHistory {
  const { after, around, limit } = query;
  if (after !== undefined) return changedAfter(tail, head, after, limit);
  if (around === undefined) {
    const { messages, cut, complete, has_more } = downFrom(tail, query.before ?? head + 1, limit);
    return { head, messages, ...bound('low', cut && messages.at(-1)?.seq), moved: [], complete, has_more };
  }
  const { newer, older, bytes } = halves(limit);
  const up = upFrom(tail, around, newer, bytes);
  const down = downFrom(tail, around + 1, older, bytes);
  return {
    head,
    messages: [...up.messages.toReversed(), ...down.messages],
    ...bound('low', down.cut && down.messages.at(-1)?.seq),
    // A page of one takes nothing from above, and there is more all the same.
    ...bound('high', up.cut && (up.messages.at(-1)?.seq ?? around)),
    moved: [],
    complete: up.complete && down.complete,
    has_more: up.has_more || down.has_more,
  };
}

function bound(name: 'low' | 'high', at: number | false | undefined): { low?: number; high?: number } {
  return typeof at === 'number' ? { [name]: at } : {};
}

interface Part {
  messages: Message[];
  /** The tail holds more beyond the last of them. */
  cut: boolean;
  complete: boolean;
  has_more: boolean;
}

/** Messages below a seq, the newest first. */
function downFrom(tail: HotTail, before: number, limit: number, bytes?: number): Part {
  const end = indexFrom(tail, before);
  const recent = tail.recent.slice(Math.max(0, end - limit - 1), end).map(({ message }) => message);
  const candidates = [...recent.reverse(), ...changedBetween(tail, 0, before).reverse()];
  const messages = cutPage(candidates, limit, bytes);
  const cut = messages.length < candidates.length;
  const whole = tail.floor === 1;
  // Full, or cut, while still above the floor: what lies below cannot be in the page.
  const above =
    messages.length <= recent.length && (messages.length === limit || messages.length < recent.length);
  return { messages, cut, complete: whole || above, has_more: !whole || cut };
}

/** Messages above a seq, the oldest first. */
function upFrom(tail: HotTail, above: number, limit: number, bytes: number): Part {
  const start = indexFrom(tail, above + 1);
  const recent = tail.recent.slice(start, start + limit + 1).map(({ message }) => message);
  const candidates = [...changedBetween(tail, above + 1, tail.floor), ...recent];
  const messages = cutPage(candidates, limit, bytes);
  const cut = messages.length < candidates.length;
  return { messages, cut, complete: above >= tail.floor - 1 || limit === 0, has_more: cut };
}

/** Messages under the floor with unflushed changes, by seq, from one seq to before another. */
function changedBetween(tail: HotTail, from: number, before: number): Message[] {
  const found: Message[] = [];
  for (const { message } of tail.older.values())
    if (message.seq >= from && message.seq < before) found.push(message);
  return found.sort((a, b) => a.seq - b.seq);
}

/** Messages created or changed past a seq, by `changed_seq`. */
function changedAfter(tail: HotTail, head: number, after: number, limit: number): HotHistory {
  const candidates: Message[] = [];
  for (const { message } of tail.older.values()) if (message.changed_seq > after) candidates.push(message);
  for (const { message } of tail.recent) if (message.changed_seq > after) candidates.push(message);
  candidates.sort((a, b) => a.changed_seq - b.changed_seq);
  const messages = cutPage(candidates, limit);
  const beyond = candidates.slice(messages.length);
  return {
    head,
    messages,
    ...bound('high', beyond.length > 0 && messages.at(-1)?.changed_seq),
    moved: beyond.filter(({ seq, changed_seq }) => changed_seq > seq).map(({ seq }) => seq),
    complete: after >= tail.forgotten,
    has_more: beyond.length > 0,
  };
}

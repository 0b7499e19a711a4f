import { limits } from '../limits.ts';
import type { Message } from './wire.ts';

/** How pages of the history end: owner and service cut them by the same rule. */

/** Bytes of an item, such as a message, in a JSON answer. */
export function itemBytes(item: unknown): number {
  return Buffer.byteLength(JSON.stringify(item)) + 1;
}

const widestId = 'f'.repeat(36);
const widestTime = 'T'.repeat(24);
/** What a message takes at the most beside its text, where it has no note, no media and no reactions. */
const widest = itemBytes({
  chat_id: widestId,
  seq: Number.MAX_SAFE_INTEGER,
  sender_id: widestId,
  receiver_id: widestId,
  kind: 'service',
  text: '',
  media: null,
  reply_to: Number.MAX_SAFE_INTEGER,
  service: null,
  client_id: widestId,
  created_at: widestTime,
  edited_at: widestTime,
  deleted_at: widestTime,
  changed_seq: Number.MAX_SAFE_INTEGER,
  reactions: [],
});
/** JSON's longest form of a UTF-16 unit: `\u0000`. */
const widestUnit = 6;

/** Never less than `itemBytes`, which makes the JSON to count it. */
function mostBytes(message: Message): number {
  const plain = message.service === null && message.media === null && message.reactions.length === 0;
  return plain ? widest + widestUnit * message.text.length : itemBytes(message);
}

/**
 * The first `limit` messages, fewer where they would pass `bytes`; but always one, if there is one. So a
 * part of a page's messages, cut the same way, never lacks one that the page has.
 */
export function cutPage(messages: readonly Message[], limit: number, bytes: number = limits.page): Message[] {
  const first = messages.slice(0, limit);
  // Most pages are far too small to be cut.
  if (first.reduce((sum, message) => sum + mostBytes(message), 0) <= bytes) return first;
  return fitPage(first, bytes);
}

/** The first of these, as many as take no more than `bytes` of JSON; but always one, if there is one. */
export function fitPage<Item>(items: readonly Item[], bytes: number = limits.page): Item[] {
  let room = bytes;
  let count = 0;
  for (const item of items) {
    room -= itemBytes(item);
    if (room < 0 && count > 0) break;
    count++;
  }
  return items.slice(0, count);
}

/** The two halves of a page `around` a seq: the one below takes the odd message, and each half the bytes. */
export function halves(limit: number): { newer: number; older: number; bytes: number } {
  const newer = Math.floor(limit / 2);
  return { newer, older: limit - newer, bytes: limits.page / 2 };
}

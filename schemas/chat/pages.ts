import { limits } from '../limits.ts';
import type { Message } from './wire.ts';

/** How pages of the history end: owner and service cut them by the same rule. */

/** Bytes of a message in a JSON answer. */
export function messageBytes(message: Message): number {
  return Buffer.byteLength(JSON.stringify(message)) + 1;
}

/**
 * The first `limit` messages, fewer where they would pass `bytes`; but always one, if there is one. So a
 * part of a page's messages, cut the same way, never lacks one that the page has.
 */
export function cutPage(messages: readonly Message[], limit: number, bytes: number = limits.page): Message[] {
  let room = bytes;
  let count = 0;
  for (const message of messages) {
    if (count === limit) break;
    room -= messageBytes(message);
    if (room < 0 && count > 0) break;
    count++;
  }
  return messages.slice(0, count);
}

/** The two halves of a page `around` a seq: the one below takes the odd message, and each half the bytes. */
export function halves(limit: number): { newer: number; older: number; bytes: number } {
  const newer = Math.floor(limit / 2);
  return { newer, older: limit - newer, bytes: limits.page / 2 };
}

import { hash } from 'node:crypto';
import type { Chat } from './chat/wire.ts';

/** What stands between the quotes of a strong `ETag`: 131 bits of SHA-256 over the JSON of a value. */
export function tagOf(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url').slice(0, 22);
}

/**
 * Names the version of what `chat.update` changes. Heads, roles and counts are left out: a message that comes in
 * must not make a change of the title fail.
 */
export function chatTag({
  title,
  about,
  username = null,
}: Pick<Chat, 'title' | 'about' | 'username'>): string {
  return tagOf([title, about, username]);
}

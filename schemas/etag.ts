import { hash } from 'node:crypto';
import type { Chat } from './chat/wire.ts';

/** What stands between the quotes of a strong `ETag`: 131 bits of SHA-256 over the JSON of a value. */
function tagOf(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url').slice(0, 22);
}

/**
 * Names the version of a profile. The signatures of its URLs change by themselves: they do not count as a change of the
 * profile, but who holds old ones must get new ones. So the tag has two parts.
 */
export function profileTag(profile: { avatar: { url: string; thumb_url: string } | null }): string {
  const { avatar } = profile;
  const [path = null, signature = ''] = avatar?.url.split('?sig=') ?? [];
  return `${tagOf({ ...profile, avatar: path })}${avatar ? `.${signature.split('.')[0]}` : ''}`;
}

/** Was one of these tags (without quotes) given to this version of a profile? */
export function isVersion(tags: readonly string[], tag: string): boolean {
  const version = (whole: string) => whole.split('.')[0];
  return tags.some((one) => version(one) === version(tag));
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

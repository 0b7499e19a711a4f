import { createHash } from 'node:crypto';

/**
 * The id of the private chat of two users, in either order: a UUID version 8 made of the first 122 bits
 * of SHA-256 over the two ids. So nobody looks it up, and it cannot exist twice.
 */
export function privateChatId(one: string, other: string): string {
  const [lo, hi] = one < other ? [one, other] : [other, one];
  const hash = createHash('sha256').update(`suhbat private chat ${lo} ${hi}`).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const text = hash.toString('hex', 0, 16);
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}

import { hashedId } from '../hashed-id.ts';

/**
 * The id of the private chat of two users, in either order, made of their ids. So nobody looks it up, and it
 * cannot exist twice.
 */
export function privateChatId(one: string, other: string): string {
  const [lo, hi] = one < other ? [one, other] : [other, one];
  return hashedId(`suhbat private chat ${lo} ${hi}`);
}

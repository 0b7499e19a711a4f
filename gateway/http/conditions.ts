import { fail } from '../../schemas/errors.ts';

/** Conditional requests (RFC 9110, 13.1). */

/** Does an `If-None-Match` name this tag (with its quotes)? Weak or strong makes no difference. */
export function isKnown(header: string, tag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}

const tagList = /^\s*(W\/)?"[\x21\x23-\x7e\x80-\xff]*"(\s*,\s*(W\/)?"[\x21\x23-\x7e\x80-\xff]*")*\s*$/;
const mostTags = 20;

/**
 * The tags of an `If-Match`, without quotes; undefined where the change is for any version (`*`, or no header). Weak
 * tags fit none. Throws `invalid` (`bad_if_match`).
 */
export function tagsToMatch(header = ''): string[] | undefined {
  if (header === '' || header.trim() === '*') return undefined;
  const parts = header.split(',');
  if (!tagList.test(header) || parts.length > mostTags)
    throw fail('invalid', {
      reason: 'bad_if_match',
      errors: [{ path: '/If-Match', message: `must be * or up to ${mostTags} tags in quotes` }],
    });
  return parts.flatMap((part) => /^"(.*)"$/.exec(part.trim())?.[1] ?? []);
}

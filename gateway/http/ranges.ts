/** Byte ranges (RFC 9110, 14). */

export interface Range {
  start: number;
  end: number;
}

const single = /^bytes=(\d{0,15})-(\d{0,15})$/;

/**
 * The one range that a `Range` header asks of so many bytes; `whole` where it asks for none, for several, or in no way
 * that we know: several would let one request ask for the same bytes a thousand times. `none`: it asks for bytes
 * that are not there.
 */
export function rangeOf(header: string, size: number): Range | 'whole' | 'none' {
  const [, from = '', to = ''] = single.exec(header.trim()) ?? [];
  if (from === '' && to === '') return 'whole';
  if (from === '')
    return to === '' || Number(to) === 0 ? 'none' : { start: Math.max(0, size - Number(to)), end: size - 1 };
  const start = Number(from);
  if (to !== '' && Number(to) < start) return 'whole';
  if (start >= size) return 'none';
  return { start, end: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}

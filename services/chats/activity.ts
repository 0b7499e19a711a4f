import { decodePlace, encodePlace } from './cursors.ts';
import type { Overview } from './views.ts';

/** The order of the chat list: newest activity first, ids where times are equal. */
export function compareActivity(one: Overview, other: Overview): number {
  if (one.active_at !== other.active_at) return one.active_at < other.active_at ? 1 : -1;
  return one.row.id < other.row.id ? 1 : -1;
}

export function nextPlace({ active_at, row }: Overview): string {
  return encodePlace('c', active_at, row.id);
}

/** What comes after a cursor, in this order. Throws `invalid` (`bad_cursor`). */
export function afterPlace(sorted: Overview[], cursor: string | undefined): Overview[] {
  if (cursor === undefined) return sorted;
  const [at = '', id = ''] = decodePlace('c', cursor, 2);
  return sorted.filter(({ active_at, row }) => active_at < at || (active_at === at && row.id < id));
}

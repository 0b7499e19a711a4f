import { fail } from '../../schemas/errors.ts';
import { isUuid } from '../../schemas/ids.ts';

/** The last row of a page: its place in the order, and its id where places are equal. */
export interface Place {
  rank: number;
  id: string;
}

/** Opaque to clients. */
function encodeCursor({ rank, id }: Place): string {
  return Buffer.from(`${rank}.${id}`).toString('base64url');
}

/** Throws `invalid` for what `encodeCursor` did not make. */
export function decodeCursor(cursor: string): Place {
  const [, rank, id] = /^(\d{1,15})\.(.{36})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (rank === undefined || id === undefined || !isUuid(id))
    throw fail('invalid', { reason: 'bad_cursor', detail: 'This cursor was not given by this list' });
  return { rank: Number(rank), id };
}

/** A page from one row more than it takes: the extra row says only that there is a next page. */
export function paged<Row, Item>(
  rows: readonly Row[],
  limit: number,
  placeOf: (row: Row) => Place,
  itemOf: (row: Row) => Item,
): { items: Item[]; next_cursor: string | null } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    items: kept.map(itemOf),
    next_cursor: rows.length > limit && last !== undefined ? encodeCursor(placeOf(last)) : null,
  };
}

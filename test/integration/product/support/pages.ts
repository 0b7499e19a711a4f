import type { User } from './users.ts';

interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** Every item of a list, page after page. `path` has a query. */
export async function everyPage<Item>(by: User, path: string): Promise<Item[]> {
  const found: Item[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await by.rest<Page<Item>>('GET', `${path}${more}`);
    found.push(...body.items);
    cursor = body.next_cursor;
  } while (cursor !== null);
  return found;
}

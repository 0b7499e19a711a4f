import { sql } from 'slonik';

/**
 * Stands first in a statement that each connection parses and plans once: ``db.any(typed<Row>()`${prepared} select …`)``.
 * For hot reads of a fixed text only: after five runs PostgreSQL plans without looking at the values, where that plan
 * looks as cheap. So it must be good for all of them: a `limit` given as a value needs a fixed one inside it, or the
 * plan without values is never chosen.
 */
export const prepared = sql.fragment`/* prepared */`;

/** Texts are few, but for a mistake: one of this many would be kept by each connection for good. */
const most = 50;

/** The name of a statement that is to be prepared; undefined of any other. */
export function createNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    if (!text.startsWith(prepared.sql)) return undefined;
    const found = names.get(text);
    if (found !== undefined || names.size >= most) return found;
    const name = `suhbat_${names.size + 1}`;
    names.set(text, name);
    return name;
  };
}

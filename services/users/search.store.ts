import { type FragmentSqlToken, sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import { notBlocked } from './relations.store.ts';
import { userColumns } from './users.store.ts';
import type { UserRow } from './views.ts';

/** SQL of finding people. Each step reads a range of one index, in its order: what it costs is what it gives. */

/** Where a beginning is looked for: usernames, and display names from their first, second and third word on. */
export const places = ['username', 'name_1', 'name_2', 'name_3'] as const;
export type Where = (typeof places)[number];

/** People of whom a name begins so: in lower case, at most 32 characters. */
export interface Step {
  where: Where;
  begins: string;
}

/** Somebody of a step, and all names by which they can be found, in lower case. */
export interface Candidate {
  id: string;
  step: number;
  key: string;
  username: string;
  display_name: string | null;
}

/** The expressions of the indexes. */
const keys: Record<Where, FragmentSqlToken> = {
  username: sql.fragment`lower(username::text)`,
  name_1: sql.fragment`name_from(display_name, 1)`,
  name_2: sql.fragment`name_from(display_name, 2)`,
  name_3: sql.fragment`name_from(display_name, 3)`,
};
const indexed: Record<Where, FragmentSqlToken> = {
  username: sql.fragment`true`,
  name_1: sql.fragment`true`,
  name_2: sql.fragment`name_from(display_name, 2) is not null`,
  name_3: sql.fragment`name_from(display_name, 3) is not null`,
};

/** In the order of bytes nothing that begins with a text is greater than this. */
const greatest = '\u{10ffff}';

/**
 * Of each step its first `size` people, `after` this place in the first of them. Nothing is joined: planning that for
 * every branch would take longer than reading all of them (8 branches: 7 ms to plan with blocks, 1 ms without).
 */
export async function readSteps(
  db: Transaction,
  steps: readonly Step[],
  { after, size }: { after: { key: string; id: string } | undefined; size: number },
): Promise<readonly Candidate[]> {
  const parts = steps.map(({ where, begins }, at) => {
    const key = sql.fragment`(${keys[where]}) collate "C"`;
    const beyond =
      at === 0 && after !== undefined
        ? sql.fragment`and (${key}, id) > (${after.key}, ${after.id}::uuid)`
        : sql.fragment``;
    return sql.fragment`(
      select id, ${at}::int as step, ${keys[where]} as key, lower(username::text) as username,
        lower(display_name) as display_name
      from users
      where deleted_at is null and ${indexed[where]} and ${key} >= ${begins} and ${key} < ${begins + greatest}
        ${beyond}
      order by ${key}, id limit ${size})`;
  });
  return db.any(typed<Candidate>()`
    select * from (${sql.join(parts, sql.fragment` union all `)}) as found
    order by step, key collate "C", id`);
}

/** Words of names that are alike, the more alike first (1: the same). */
export interface Alike {
  of: string;
  word: string;
  likeness: number;
}

/** Up to `most` for each of these words: 2 to 15 ms with 600,000 words to compare (measured). */
export async function alikeWords(
  db: Transaction,
  words: readonly string[],
  most: number,
): Promise<readonly Alike[]> {
  return db.any(typed<Alike>()`
    select of, word, likeness from alike_words(${sql.array([...words], 'text')}, ${most})`);
}

/** These users in this order; who is no user any more is left out. */
export async function usersInOrder(db: Transaction, ids: readonly string[]): Promise<UserRow[]> {
  if (ids.length === 0) return [];
  const rows = await db.any(typed<UserRow>()`
    select ${userColumns} from users where id = any(${sql.array([...ids], 'uuid')}) and deleted_at is null`);
  const found = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** Everybody, the newest first, `after` this id: what an empty search finds. */
export async function newestUsers(
  db: Transaction,
  viewer: string,
  after: string | undefined,
  limit: number,
): Promise<readonly UserRow[]> {
  const before = after === undefined ? sql.fragment`` : sql.fragment`and id < ${after}`;
  return db.any(typed<UserRow>()`
    select ${userColumns} from users
    where deleted_at is null ${before} and ${notBlocked(viewer)} order by id desc limit ${limit}`);
}

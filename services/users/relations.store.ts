import { type FragmentSqlToken, sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { Right } from '../../schemas/user/profile.ts';
import type { Place } from './cursor.ts';
import { timestamp, userColumns } from './users.store.ts';
import type { UserRow } from './views.ts';

/** SQL on `contacts` and `blocks`: what one user is to another. */

export type Relation = 'contacts' | 'blocks';

/** Two users, one of whom looks at the other. */
export interface Pair {
  viewer: string;
  other: string;
}

/** Of a statement on `users`: nobody whom the viewer blocks or who blocks the viewer. */
export function notBlocked(viewer: string): FragmentSqlToken {
  return sql.fragment`
    not exists (select from blocks b where b.user_id = ${viewer} and b.other_id = users.id)
    and not exists (select from blocks b where b.user_id = users.id and b.other_id = ${viewer})`;
}

/** Those of these users between whom and the viewer a block stands, whoever set it. */
export async function blockedAmong(
  db: Transaction,
  viewer: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const others = sql.array([...ids], 'uuid');
  const blocked = await db.anyFirst(typed<{ id: string }>()`
    select other_id as id from blocks where user_id = ${viewer} and other_id = any(${others})
    union select user_id from blocks where other_id = ${viewer} and user_id = any(${others})`);
  return new Set(blocked);
}

/** False: it could not be added, as there are `most` of them. Adding it a second time changes nothing. */
export async function addRelation(
  db: Transaction,
  relation: Relation,
  { user_id, other_id, now, most }: { user_id: string; other_id: string; now: number; most: number },
): Promise<boolean> {
  const table = sql.identifier([relation]);
  return db.oneFirst(typed<{ there: boolean }>()`
    with added as (
      insert into ${table} (user_id, other_id, created_at)
      select ${user_id}, ${other_id}, ${timestamp(now)}
      where (select count(*) from ${table} where user_id = ${user_id}) < ${most}
      on conflict do nothing returning true
    )
    select exists (select from added)
      or exists (select from ${table} where user_id = ${user_id} and other_id = ${other_id}) as there`);
}

export async function removeRelation(
  db: Transaction,
  relation: Relation,
  { user_id, other_id }: { user_id: string; other_id: string },
): Promise<void> {
  await db.query(sql.unsafe`
    delete from ${sql.identifier([relation])} where user_id = ${user_id} and other_id = ${other_id}`);
}

export type Related = UserRow & { since: number };

/** Whom a user has, the newest first; `search`: of whom a name or a word of it begins so. */
export async function listRelation(
  db: Transaction,
  relation: Relation,
  {
    user_id,
    search,
    after,
    limit,
  }: { user_id: string; search: string; after: Place | undefined; limit: number },
): Promise<readonly Related[]> {
  const begins = `${search.replace(/[\\%_]/g, '\\$&')}%`;
  const older =
    after === undefined
      ? sql.fragment``
      : sql.fragment`and (r.created_at, r.other_id) < (${timestamp(after.rank)}, ${after.id}::uuid)`;
  const named =
    search === ''
      ? sql.fragment``
      : sql.fragment`and (username::text ilike ${begins} or display_name ilike ${begins}
          or display_name ilike ${`% ${begins}`})`;
  return db.any(typed<Related>()`
    select page.*, (extract(epoch from since_at) * 1000)::bigint as since from (
      select r.created_at as since_at, found.* from ${sql.identifier([relation])} r
      join lateral (select ${userColumns} from users where id = r.other_id and deleted_at is null) found on true
      where r.user_id = ${user_id} ${older} ${named}
      order by r.created_at desc, r.other_id desc limit ${limit}
    ) page order by since_at desc, id desc`);
}

/** What the other one of a pair lets the viewer do. */
export interface Stance {
  /** They block the viewer. */
  blocks: boolean;
  /** The viewer blocks them. */
  blocked: boolean;
  /** Their settings allow it. */
  allows: boolean;
}

/** In the order of the pairs; undefined where there is no such user. */
export async function readStances(
  db: Transaction,
  right: Right,
  pairs: readonly Pair[],
): Promise<(Stance | undefined)[]> {
  if (pairs.length === 0) return [];
  const rows = await db.any(typed<Stance & { nth: number }>()`
    select nth,
      exists (select from blocks b where b.user_id = pair.other and b.other_id = pair.viewer) as blocks,
      exists (select from blocks b where b.user_id = pair.viewer and b.other_id = pair.other) as blocked,
      case u.settings #>> array['privacy', ${right}]
        when 'nobody' then false
        when 'contacts' then
          exists (select from contacts c where c.user_id = pair.other and c.other_id = pair.viewer)
        else true
      end as allows
    from rows from (
      unnest(${sql.array(
        pairs.map(({ viewer }) => viewer),
        'uuid',
      )}),
      unnest(${sql.array(
        pairs.map(({ other }) => other),
        'uuid',
      )})
    ) with ordinality as pair (viewer, other, nth)
    join users u on u.id = pair.other and u.deleted_at is null`);
  const found = new Map(rows.map(({ nth, ...stance }) => [nth, stance]));
  return pairs.map((_, at) => found.get(at + 1));
}

/** For an account's end: its own contacts and blocks, and those of others that name it. */
export async function eraseRelations(tx: Transaction, userId: string): Promise<void> {
  await tx.query(sql.unsafe`delete from contacts where user_id = ${userId} or other_id = ${userId}`);
  await tx.query(sql.unsafe`delete from blocks where user_id = ${userId} or other_id = ${userId}`);
}

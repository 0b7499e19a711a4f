import { sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { FileRow } from './views.ts';

/** SQL on `files`. Times are milliseconds of the caller's clock. */

const columns = sql.fragment`
  id, owner_id, kind, purpose, presigned, mime_type, size, sha256, width, height, duration_s, name, waveform, thumb_key,
  storage_key, state, expires_at`;

const timestamp = (ms: number) => sql.fragment`${new Date(ms).toISOString()}::timestamptz`;

export type NewFile = Pick<
  FileRow,
  'id' | 'owner_id' | 'kind' | 'purpose' | 'presigned' | 'mime_type' | 'size' | 'name'
>;

export interface Usage {
  bytes: number;
  pending: number;
}

/** What a user's files take; until the transaction ends nobody else takes more for this user. */
export async function lockUsage(tx: Transaction, ownerId: string): Promise<Usage> {
  await tx.query(sql.unsafe`select pg_advisory_xact_lock(hashtextextended(${`files ${ownerId}`}, 0))`);
  return tx.one(typed<Usage>()`
    select coalesce(sum(size), 0) as bytes, count(*) filter (where state = 'pending') as pending
    from files where owner_id = ${ownerId} and state <> 'removed'`);
}

export async function insertPending(
  tx: Transaction,
  file: NewFile,
  now: number,
  expiresAt: number,
): Promise<void> {
  await tx.query(sql.unsafe`
    insert into files (id, owner_id, kind, purpose, presigned, mime_type, size, name, state, expires_at, created_at)
    values (${file.id}, ${file.owner_id}, ${file.kind}, ${file.purpose}, ${file.presigned}, ${file.mime_type}, ${file.size},
      ${file.name}, 'pending', ${timestamp(expiresAt)}, ${timestamp(now)})`);
}

export async function findFile(db: Transaction, id: string): Promise<FileRow | null> {
  return db.maybeOne(typed<FileRow>()`
    select ${columns} from files where id = ${id} and state <> 'removed'`);
}

export type Finished = Pick<
  FileRow,
  'id' | 'kind' | 'mime_type' | 'size' | 'width' | 'height' | 'duration_s' | 'name'
> & { sha256: string; storage_key: string };

/** Nothing where somebody else was first, or it is gone. */
export async function finishFile(db: Transaction, file: Finished): Promise<FileRow | null> {
  return db.maybeOne(typed<FileRow>()`
    update files set state = 'ready', kind = ${file.kind}, mime_type = ${file.mime_type}, size = ${file.size},
      sha256 = ${file.sha256}, width = ${file.width}, height = ${file.height}, duration_s = ${file.duration_s},
      name = ${file.name}, storage_key = ${file.storage_key}, expires_at = null
    where id = ${file.id} and state = 'pending'
    returning ${columns}`);
}

/** Is somebody on the way to end this upload? */
export async function isAwaited(db: Transaction, id: string): Promise<boolean> {
  return db.exists(typed<object>()`select 1 from files where id = ${id} and state = 'pending'`);
}

/** False where the file is gone, or has one already. */
export async function setThumb(db: Transaction, id: string, key: string): Promise<boolean> {
  const { rowCount } = await db.query(sql.unsafe`
    update files set thumb_key = ${key} where id = ${id} and state = 'ready' and thumb_key is null`);
  return rowCount > 0;
}

/** Nobody sees it from now on; its bytes go later. False where it was not there. */
export async function markRemoved(db: Transaction, id: string): Promise<boolean> {
  const { rowCount } = await db.query(sql.unsafe`
    update files set state = 'removed' where id = ${id} and state <> 'removed'`);
  return rowCount > 0;
}

/** All that a user has uploaded; gives how many there were. */
export async function markAllRemoved(tx: Transaction, ownerId: string): Promise<number> {
  const { rowCount } = await tx.query(sql.unsafe`
    update files set state = 'removed', name = null where owner_id = ${ownerId} and state <> 'removed'`);
  return rowCount;
}

export async function deleteFile(db: Transaction, id: string): Promise<void> {
  await db.query(sql.unsafe`delete from files where id = ${id} and state = 'removed'`);
}

/** Avatars of a user that were uploaded before this time. */
export async function listAvatars(
  db: Transaction,
  ownerId: string,
  before: number,
  limit: number,
): Promise<readonly string[]> {
  return db.anyFirst(typed<{ id: string }>()`
    select id from files
    where owner_id = ${ownerId} and purpose = 'avatar' and state = 'ready' and created_at < ${timestamp(before)}
    order by id limit ${limit}`);
}

export type Remains = Pick<FileRow, 'id' | 'storage_key' | 'thumb_key'>;

export async function findRemoved(db: Transaction, id: string): Promise<Remains | null> {
  return db.maybeOne(typed<Remains>()`
    select id, storage_key, thumb_key from files where id = ${id} and state = 'removed'`);
}

/** Removed files whose bytes may still be there: of this user, or of all. */
export async function listRemoved(
  db: Transaction,
  limit: number,
  ownerId?: string,
): Promise<readonly Remains[]> {
  const whose = ownerId === undefined ? sql.fragment`` : sql.fragment`and owner_id = ${ownerId}`;
  return db.any(typed<Remains>()`
    select id, storage_key, thumb_key from files where state = 'removed' ${whose} order by id limit ${limit}`);
}

/** Uploads that never ended become removed files. Gives how many. */
export async function expirePending(db: Transaction, now: number, limit: number): Promise<number> {
  const { rowCount } = await db.query(sql.unsafe`
    update files set state = 'removed' where state = 'pending' and id in (
      select id from files where state = 'pending' and expires_at < ${timestamp(now)} limit ${limit})`);
  return rowCount;
}

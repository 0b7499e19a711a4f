import { randomBytes } from 'node:crypto';
import { addJob } from '../../ops/jobs/jobs.store.ts';
import { handleJob, type JobHandler, type TimedJob } from '../../ops/jobs/kind.ts';
import { incomingPrefix, objectKeys } from '../../ops/objects/objects.ts';
import { SuhbatError } from '../../schemas/errors.ts';
import { isUuid, newId } from '../../schemas/ids.ts';
import { limits } from '../../schemas/limits.ts';
import {
  expirePending,
  findFile,
  findRemoved,
  isAwaited,
  listAvatars,
  listRemoved,
  markRemoved,
  setThumb,
} from './files.store.ts';
import { removeBytes } from './files.ts';
import { cleanJob, removeAllJob, removeJob, thumbJob, tidyJob, unwornMs } from './job-kinds.ts';
import type { MediaParts } from './parts.ts';
import { readAll } from './read.ts';

/** Rows and objects of one clean-up; what is left comes next time. */
const atOnce = 1000;
/** Longer than any upload may be on its way. */
const leftBehindMs = 2 * 60 * 60_000;

/** What the media service does outside of requests. */
export function mediaJobs(parts: MediaParts): { handlers: JobHandler[]; timetable: TimedJob[] } {
  const { db, objects, images, call, clock } = parts;

  /** An image that was written by us can be read; where it cannot, trying again does not help. */
  async function makeThumb(file_id: string): Promise<void> {
    const row = await findFile(db, file_id);
    if (row?.state !== 'ready' || row.kind !== 'image' || row.thumb_key !== null || row.storage_key === null)
      return;
    const { storage_key, size } = row;
    const picture = await images
      .inTurn(async ({ thumb }) => {
        const stream = await objects.read(storage_key);
        return stream && (await thumb(await readAll(stream, Math.max(size, limits.upload))));
      })
      .catch((error) => {
        if (error instanceof SuhbatError && error.code === 'unprocessable') return undefined;
        throw error;
      });
    if (picture === undefined) return;
    const key = objectKeys.thumb(file_id, randomBytes(6).toString('hex'));
    await objects.put(key, picture.bytes, picture.mime_type);
    // Deleted meanwhile, or another try was faster.
    if (!(await setThumb(db, file_id, key))) await objects.remove(key);
  }

  /** Where it is put on in this moment, it is taken off again. */
  async function tidy(owner_id: string): Promise<void> {
    const meta = { request_id: newId(), user_id: owner_id };
    for (const file_id of await listAvatars(db, owner_id, clock.now() - unwornMs, atOnce)) {
      if (await call<boolean>('users.wears', { file_id }, meta)) continue;
      await db.transaction(async (tx) => {
        if (await markRemoved(tx, file_id)) await addJob(tx, removeJob, { file_id });
      });
      await call('users.undress', { file_id }, meta);
    }
  }

  async function remove(file_id: string): Promise<void> {
    const row = await findRemoved(db, file_id);
    if (row !== null) await removeBytes(parts, row);
  }

  async function removeAll(owner_id: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const rows = await listRemoved(db, atOnce, owner_id);
      if (rows.length === 0) return;
      for (const row of rows) {
        if (signal.aborted) return;
        await removeBytes(parts, row);
      }
    }
  }

  return {
    handlers: [
      handleJob(thumbJob, ({ file_id }) => makeThumb(file_id)),
      handleJob(tidyJob, ({ owner_id }) => tidy(owner_id)),
      handleJob(removeJob, ({ file_id }) => remove(file_id)),
      handleJob(removeAllJob, ({ owner_id }, { signal }) => removeAll(owner_id, signal)),
    ],
    timetable: [{ handler: handleJob(cleanJob, () => cleanUp(parts, clock.now())), at: '*/10 * * * *' }],
  };
}

/**
 * Uploads that never ended give their room back; removed files lose their bytes; what lies in the store without anybody
 * who waits for it goes too: a client may send again what was signed and has been completed since.
 */
async function cleanUp(parts: Pick<MediaParts, 'db' | 'objects'>, now: number): Promise<void> {
  const { db, objects } = parts;
  await expirePending(db, now, atOnce);
  for (const row of await listRemoved(db, atOnce)) await removeBytes(parts, row);
  for (const key of await objects.list(incomingPrefix, now - leftBehindMs, atOnce)) {
    const id = key.slice(incomingPrefix.length);
    if (!(isUuid(id) && (await isAwaited(db, id)))) await objects.remove(key);
  }
  await objects.sweep(now - leftBehindMs);
}

import type { CallMeta } from '../../ops/broker/call.ts';
import { storing, type Transaction } from '../../ops/connections/postgres.ts';
import { addJob } from '../../ops/jobs/jobs.store.ts';
import { objectKeys } from '../../ops/objects/objects.ts';
import type { MediaPart } from '../../ops/security/media-urls.ts';
import { fail } from '../../schemas/errors.ts';
import { isUuid } from '../../schemas/ids.ts';
import type { FileToSend } from '../../schemas/rest/media.ts';
import { maySee } from './access.ts';
import { deleteFile, findFile, markAllRemoved, markRemoved, type Remains } from './files.store.ts';
import { removeAllJob, removeJob, tidyLater } from './job-kinds.ts';
import { isInline } from './kinds.ts';
import { type MediaParts, noFile, userOf } from './parts.ts';
import type { FileRow } from './views.ts';

/** Files that are there: who may see them, and their end. */
export function fileActions(parts: MediaParts) {
  const { db, urls, call } = parts;

  return {
    /** What a gateway sends to who may see it: by a URL's signature, or by what carries it. Throws `not_found`,
     * `unauthenticated` (`signature_invalid`). */
    async open(
      { file_id, part, sig }: { file_id: string; part: MediaPart; sig?: string },
      meta: CallMeta,
    ): Promise<FileToSend> {
      if (!isUuid(file_id)) throw noFile();
      const signed = sig !== undefined && urls.verify(file_id, part, sig);
      if (!signed && sig !== undefined && meta.user_id === undefined)
        throw fail('unauthenticated', {
          reason: 'signature_invalid',
          detail: 'This URL is not ours, or has expired',
        });
      if (!signed) userOf(meta);
      const row = await readyFile(file_id);
      if (!signed && !(await maySee(parts, row, meta))) throw noFile();
      return part === 'thumb' ? thumbOf(row) : wholeOf(row);
    },

    /** For the users service: is this a picture that the caller may wear? */
    async wearable({ file_id }: { file_id: string }, meta: CallMeta): Promise<boolean> {
      const row = await storing(() => findFile(db, file_id));
      return row?.state === 'ready' && row.kind === 'image' && row.owner_id === userOf(meta);
    },

    /** For the users service: the caller's avatar has changed, so that one may be left that nobody wears. */
    async avatar_changed(_: object, meta: CallMeta): Promise<void> {
      await storing(() => tidyLater(db, userOf(meta), parts.clock.now()));
    },

    /** Throws `not_found` to everybody but the owner. */
    async remove({ file_id }: { file_id: string }, meta: CallMeta): Promise<void> {
      const ownerId = userOf(meta);
      const row = isUuid(file_id) ? await storing(() => findFile(db, file_id)) : null;
      if (row === null || row.owner_id !== ownerId) throw noFile();
      const gone = await storing(() =>
        db.transaction(async (tx) => {
          const removed = await markRemoved(tx, file_id);
          // Nobody sees it any more; its bytes go as soon as the store takes part.
          if (removed) await addJob(tx, removeJob, { file_id });
          return removed;
        }),
      );
      if (!gone) throw noFile();
      await call('users.undress', { file_id }, meta);
    },
  };

  async function readyFile(id: string): Promise<FileRow & { storage_key: string; sha256: string }> {
    const row = await storing(() => findFile(db, id));
    if (row?.state !== 'ready' || row.storage_key === null || row.sha256 === null) throw noFile();
    return row as FileRow & { storage_key: string; sha256: string };
  }

  function wholeOf(row: FileRow & { storage_key: string; sha256: string }): FileToSend {
    const { storage_key, size, mime_type, kind, name, sha256, id } = row;
    return {
      storage_key,
      size,
      mime_type,
      inline: isInline(kind),
      name: name ?? id,
      tag: sha256.slice(0, 22),
    };
  }

  /** Until there is one the image itself. */
  async function thumbOf(row: FileRow & { storage_key: string; sha256: string }): Promise<FileToSend> {
    if (row.kind !== 'image') throw noFile();
    if (row.thumb_key === null) return wholeOf(row);
    const about = await parts.objects.stat(row.thumb_key);
    if (about === undefined) return wholeOf(row);
    const whole = wholeOf(row);
    return {
      ...whole,
      storage_key: row.thumb_key,
      size: about.size,
      mime_type: 'image/webp',
      tag: `${whole.tag}-thumb`,
    };
  }
}

/** The account ends: nobody sees its files any more; their bytes go as soon as the store takes part. */
export async function eraseFiles(tx: Transaction, owner_id: string): Promise<void> {
  if ((await markAllRemoved(tx, owner_id)) > 0) await addJob(tx, removeAllJob, { owner_id });
}

/** Removes what there may be of a removed file, and then its row. */
export async function removeBytes(
  { db, objects }: Pick<MediaParts, 'db' | 'objects'>,
  { id, storage_key, thumb_key }: Remains,
) {
  for (const key of [objectKeys.incoming(id), storage_key, thumb_key])
    if (key !== null) await objects.remove(key);
  await storing(() => deleteFile(db, id));
}

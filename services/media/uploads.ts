import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import { objectKeys } from '../../ops/objects/objects.ts';
import { fail } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import { limits } from '../../schemas/limits.ts';
import type { File, FileKind, PresignBody, Presigned, UploadPurpose } from '../../schemas/rest/media.ts';
import { findFile, insertPending, lockUsage, markRemoved, type NewFile } from './files.store.ts';
import { finishUpload } from './finish.ts';
import { mayPromise } from './kinds.ts';
import { cleanName } from './names.ts';
import { type MediaParts, noFile, userOf } from './parts.ts';
import { type FileRow, fileOf } from './views.ts';

/** Seconds for which a presigned upload may begin. */
const presignedS = 15 * 60;
/** From when on an upload that has not ended never will: it is cleaned up. */
const pendingMs = 60 * 60_000;
/** Uploads of one user that have begun and not ended. */
const pendingMost = 20;

/** How files come in. */
export function uploadActions(parts: MediaParts) {
  const { db, objects, urls, clock, quota } = parts;

  return {
    /**
     * An upload through a gateway begins: room is taken for it. `size`: at most so many bytes. Throws
     * `unprocessable` (`quota_exceeded`, `too_many_uploads`).
     */
    async begin(
      { size, name, avatar }: { size: number; name: string; avatar?: boolean },
      meta: CallMeta,
    ): Promise<{ file_id: string }> {
      const id = await reserve(userOf(meta), {
        kind: avatar ? 'image' : 'file',
        purpose: avatar ? 'avatar' : null,
        presigned: false,
        mime_type: 'application/octet-stream',
        size: Math.min(size, avatar ? limits.avatar : limits.upload),
        name: cleanName(name),
      });
      return { file_id: id };
    },

    /** The bytes have come in. Refuses what `finishUpload` refuses. */
    async finish({ file_id }: { file_id: string }, meta: CallMeta): Promise<File> {
      const row = await ownFile(file_id, meta);
      if (row.state === 'ready') return fileOf(row, urls);
      return fileOf(await finishUpload(parts, row), urls);
    },

    /** It broke off: its room is free again. */
    async abandon({ file_id }: { file_id: string }, meta: CallMeta): Promise<void> {
      const row = await ownFile(file_id, meta);
      if (row.state === 'pending') await storing(() => markRemoved(db, file_id));
    },

    /** Throws `unprocessable` (`type_not_for_kind`, `too_large_for_kind`, `quota_exceeded`, `too_many_uploads`). */
    async presign(
      { content_type: type, size, kind, method = 'PUT' }: PresignBody,
      meta: CallMeta,
    ): Promise<Presigned> {
      const ownerId = userOf(meta);
      if (!mayPromise(kind, type))
        throw fail('unprocessable', {
          reason: 'type_not_for_kind',
          detail: `This is no type for kind ${kind}`,
        });
      if (kind === 'avatar' && size > limits.avatar)
        throw fail('unprocessable', {
          reason: 'too_large_for_kind',
          detail: `An avatar has at most ${limits.avatar} bytes`,
        });
      const id = await reserve(ownerId, {
        kind: kindOf(kind),
        purpose: kind,
        presigned: true,
        mime_type: type,
        size,
        name: null,
      });
      const answer = { file_id: id, file_url: urls.file(id), expires_in: presignedS };
      const promise = { type, size, expiresInS: presignedS };
      const key = objectKeys.incoming(id);
      if (method === 'PUT') return { ...answer, method, ...(await objects.presignPut(key, promise)) };
      return { ...answer, method, ...(await objects.presignPost(key, promise)) };
    },

    /** Of what was presigned: the bytes have come in. Refuses what `finishUpload` refuses. */
    async complete({ file_id }: { file_id: string }, meta: CallMeta): Promise<File> {
      const row = await ownFile(file_id, meta);
      if (row.state === 'ready') return fileOf(row, urls);
      // One through a gateway is that gateway's to end.
      if (!row.presigned) throw noFile();
      return fileOf(await finishUpload(parts, row), urls);
    },

    /** For gateways, before they take what was signed by the local store: does anybody wait for it? */
    async awaited({ file_id }: { file_id: string }): Promise<void> {
      const row = await storing(() => findFile(db, file_id));
      if (row?.state !== 'pending' || !row.presigned) throw noFile();
    },
  };

  async function ownFile(id: string, meta: CallMeta): Promise<FileRow> {
    const ownerId = userOf(meta);
    const row = await storing(() => findFile(db, id));
    if (row === null || row.owner_id !== ownerId) throw noFile();
    return row;
  }

  async function reserve(ownerId: string, file: Omit<NewFile, 'id' | 'owner_id'>): Promise<string> {
    const id = newId();
    const now = clock.now();
    await storing(() =>
      db.transaction(async (tx) => {
        const { bytes, pending } = await lockUsage(tx, ownerId);
        if (pending >= pendingMost)
          throw fail('unprocessable', {
            reason: 'too_many_uploads',
            detail: `At most ${pendingMost} uploads may be on their way`,
          });
        if (bytes + file.size > quota)
          throw fail('unprocessable', {
            reason: 'quota_exceeded',
            detail: `Your files may take ${quota} bytes, and take ${bytes}`,
          });
        await insertPending(tx, { id, owner_id: ownerId, ...file }, now, now + pendingMs);
      }),
    );
    return id;
  }
}

function kindOf(purpose: UploadPurpose): FileKind {
  return purpose === 'avatar' ? 'image' : purpose;
}

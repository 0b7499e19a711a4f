import { randomBytes } from 'node:crypto';
import { storing } from '../../ops/connections/postgres.ts';
import { addJob } from '../../ops/jobs/jobs.store.ts';
import { objectKeys } from '../../ops/objects/objects.ts';
import { fail } from '../../schemas/errors.ts';
import { limits } from '../../schemas/limits.ts';
import { type Finished, findFile, finishFile, markRemoved } from './files.store.ts';
import { thumbJob, tidyLater } from './job-kinds.ts';
import { isKind, type Sniffed, sniff, sniffBytes } from './kinds.ts';
import { withExtension } from './names.ts';
import { type MediaParts, noFile } from './parts.ts';
import { nothing, probe } from './probe.ts';
import { hashOf, hashStream, readAll } from './read.ts';
import type { FileRow } from './views.ts';

/** What was found out about an upload, and where its bytes lie now. */
type Kept = Omit<Finished, 'id'>;

/**
 * What has come in becomes a file: its type is read from its bytes, images are written anew, the rest is copied from
 * where a client may still write to where nobody can. Repeating it changes nothing. Throws `unprocessable`
 * (`not_uploaded`, `size_mismatch`, `type_mismatch`, `image_broken`, `too_many_pixels`, `empty_file`,
 * `not_an_image`); but for the first the upload is over then.
 */
export async function finishUpload(parts: MediaParts, row: FileRow): Promise<FileRow> {
  const avatar = row.purpose === 'avatar';
  const { db, objects } = parts;
  const incoming = objectKeys.incoming(row.id);
  let kept: Kept;
  try {
    kept = await keep(parts, row, incoming, avatar);
  } catch (error) {
    // Whoever is first takes away what has come in, in the middle of another's work.
    const first = await storing(() => findFile(db, row.id));
    if (first?.state === 'ready') return first;
    if (isOver(error)) {
      await storing(() => markRemoved(db, row.id));
      await objects.remove(incoming).catch(() => {});
    }
    throw error;
  }
  const finished = await storing(() =>
    db.transaction(async (tx) => {
      const file = await finishFile(tx, { id: row.id, ...kept });
      if (file?.purpose === 'avatar') await tidyLater(tx, file.owner_id, parts.clock.now());
      if (file?.kind === 'image') await addJob(tx, thumbJob, { file_id: file.id });
      return file;
    }),
  ).catch(async (error) => {
    await objects.remove(kept.storage_key).catch(() => {});
    throw error;
  });
  if (finished !== null) {
    // Left where this fails, and cleaned up later.
    await objects.remove(incoming).catch(() => {});
    return finished;
  }
  // Somebody else was first.
  await objects.remove(kept.storage_key).catch(() => {});
  const found = await storing(() => findFile(db, row.id));
  if (found?.state !== 'ready') throw noFile();
  return found;
}

/** The bytes were looked at, and are not what they must be. */
function isOver(error: unknown): boolean {
  const { code, reason } = (error as { refusal?: { code?: string; reason?: string } }).refusal ?? {};
  return code === 'unprocessable' && reason !== 'not_uploaded';
}

async function keep(parts: MediaParts, row: FileRow, incoming: string, avatar: boolean): Promise<Kept> {
  const { objects } = parts;
  const about = await objects.stat(incoming);
  if (about === undefined)
    throw fail('unprocessable', { reason: 'not_uploaded', detail: 'Nothing was uploaded yet' });
  const { size, version } = about;
  if (size === 0) throw fail('unprocessable', { reason: 'empty_file', detail: 'The file is empty' });
  if (row.presigned && size !== row.size)
    throw fail('unprocessable', {
      reason: 'size_mismatch',
      detail: 'The upload has another size than promised',
    });
  const mostBytes = avatar ? limits.avatar : limits.upload;
  if (size > mostBytes)
    throw fail('unprocessable', { reason: 'size_mismatch', detail: 'The upload is too large' });

  const head = await present(objects.read(incoming, { start: 0, end: Math.min(size, sniffBytes) - 1 }));
  const found = judge(await sniff(await readAll(head, sniffBytes)), row);
  const key = objectKeys.file(row.id, randomBytes(6).toString('hex'));
  if (found.kind === 'image') return keepImage(parts, row, incoming, key, avatar);
  if (avatar)
    throw fail('unprocessable', { reason: 'not_an_image', detail: 'An avatar is a JPEG, PNG, WebP or GIF' });

  try {
    // From here on nobody but us can change the bytes.
    if (!(await objects.copy(incoming, key, version, found.mime_type)))
      throw fail('conflict', { reason: 'changed', detail: 'It was uploaded again meanwhile' });
    return await keepOther(parts, row, key, size, found);
  } catch (error) {
    // Also where a copy fails: its answer may have been lost.
    await objects.remove(key).catch(() => {});
    throw error;
  }
}

/** An object that has gone meanwhile was removed with its file. */
async function present<Bytes>(read: Promise<Bytes | undefined>): Promise<Bytes> {
  const bytes = await read;
  if (bytes === undefined) throw noFile();
  return bytes;
}

/** Holds what was found against what was promised. */
function judge(found: Sniffed, { purpose, presigned, mime_type }: FileRow): Sniffed {
  if (!presigned || purpose === null) return found;
  const fit = isKind(purpose, mime_type, found);
  if (fit === undefined) {
    const reason = purpose === 'avatar' || purpose === 'image' ? 'not_an_image' : 'type_mismatch';
    throw fail('unprocessable', { reason, detail: 'The bytes are of another type than promised' });
  }
  return fit;
}

async function keepImage(
  { objects, images }: MediaParts,
  row: FileRow,
  incoming: string,
  storage_key: string,
  avatar: boolean,
): Promise<Kept> {
  return images.inTurn(async ({ remake }) => {
    const bytesIn = await readAll(await present(objects.read(incoming)), limits.upload);
    const picture = await remake(bytesIn, avatar ? 'avatar' : 'image');
    const { bytes, mime_type, extension, width, height } = picture;
    await objects.put(storage_key, bytes, mime_type);
    return {
      kind: 'image',
      mime_type,
      size: bytes.byteLength,
      width,
      height,
      duration_s: null,
      name: withExtension(row.name, extension),
      sha256: hashOf(bytes),
      storage_key,
    };
  });
}

async function keepOther(
  { objects }: MediaParts,
  { name }: FileRow,
  storage_key: string,
  size: number,
  { kind, mime_type }: Sniffed,
): Promise<Kept> {
  const { sha256 } = await hashStream(await present(objects.read(storage_key)));
  const { duration_s, hasVideo } =
    kind === 'file' ? nothing : await probe(await present(objects.read(storage_key)), mime_type, size);
  const sound = kind === 'video' && hasVideo === false && /\/(mp4|webm)$/.test(mime_type);
  return {
    kind: sound ? 'audio' : kind,
    mime_type: sound ? mime_type.replace('video/', 'audio/') : mime_type,
    size,
    width: null,
    height: null,
    duration_s,
    name,
    sha256,
    storage_key,
  };
}

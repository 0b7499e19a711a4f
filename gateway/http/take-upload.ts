import { objectKeys, type UploadPromise, type Writing } from '../../ops/objects/objects.ts';
import { fail } from '../../schemas/errors.ts';
import { limits } from '../../schemas/limits.ts';
import type { File } from '../../schemas/rest/media.ts';
import type { BodyStream } from './body-stream.ts';
import { metaOf } from './meta.ts';
import { readForm } from './multipart.ts';
import type { RouteParts, RouteRequest } from './route.ts';

/** Milliseconds for what comes after the bytes: an image of many pixels takes seconds. */
export const settlingMs = 30_000;

/**
 * A form's file becomes a file of the caller. What breaks off leaves nothing: no object, no row, no room taken. Throws
 * what the form, the object store and `media.begin` and `media.finish` throw.
 */
export async function takeUpload(
  request: RouteRequest,
  { call, media }: RouteParts,
  most: number,
  avatar: boolean,
): Promise<File> {
  const body = bodyOf(request);
  const meta = metaOf(request);
  const giveBack = media.takePlace(meta.user_id ?? '');
  let fileId: string | undefined;
  try {
    await readForm(body, most, async ({ name, bytes }) => {
      const size = Math.min(body.contentLength ?? most, most);
      const { file_id } = await call<{ file_id: string }>('media.begin', { size, name, avatar }, meta);
      fileId = file_id;
      const writing = await media.objects.begin(objectKeys.incoming(file_id), 'application/octet-stream');
      await writeAll(writing, bytes);
    });
    request.settling?.();
    return await call<File>('media.finish', { file_id: fileId }, { ...meta, budget_ms: settlingMs });
  } catch (error) {
    if (fileId !== undefined) await forget(fileId);
    throw error;
  } finally {
    giveBack();
  }

  /** Where this fails too, the clean-up finds it later. */
  async function forget(file_id: string): Promise<void> {
    await media.objects.remove(objectKeys.incoming(file_id)).catch(() => {});
    await call('media.abandon', { file_id }, meta).catch(() => {});
  }
}

const signed = ['content_type', 'size', 'expires', 'sig'] as const;

/** `PUT` of what the local store has signed: type and length are those of the promise, or it is refused. */
export async function takeSigned(request: RouteRequest, parts: RouteParts): Promise<void> {
  const body = bodyOf(request);
  const promise = promiseOf(request, parts, request.query);
  if (body.contentType !== promise.type || body.contentLength !== promise.size) throw badSignature();
  await receive(request, parts, promise, bytesOf(body));
}

/** The same as a form, whose fields carry the promise. */
export async function takeSignedForm(request: RouteRequest, parts: RouteParts): Promise<void> {
  await readForm(bodyOf(request), limits.upload, ({ fields, bytes }) =>
    receive(request, parts, promiseOf(request, parts, fields), bytes),
  );
}

function promiseOf(
  { params }: RouteRequest,
  { media }: RouteParts,
  given: Readonly<Record<string, string>>,
): UploadPromise {
  const query = Object.fromEntries(signed.map((name) => [name, given[name]]));
  const promise = media.objects.signed?.promised(objectKeys.incoming(params.file_id ?? ''), query);
  if (promise === undefined) throw badSignature();
  return promise;
}

async function receive(
  request: RouteRequest,
  { call, media }: RouteParts,
  { size, type }: UploadPromise,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const file_id = request.params.file_id ?? '';
  const giveBack = media.takePlace(file_id);
  try {
    await call('media.awaited', { file_id }, metaOf(request));
    const writing = await media.objects.begin(objectKeys.incoming(file_id), type);
    await writeAll(writing, bytes, size);
  } finally {
    giveBack();
  }
}

/** `size`: it must be just so long. Throws `unprocessable` (`size_mismatch`). */
async function writeAll(writing: Writing, bytes: AsyncIterable<Uint8Array>, size?: number): Promise<void> {
  let written = 0;
  try {
    for await (const piece of bytes) {
      written += piece.byteLength;
      if (size !== undefined && written > size) throw otherSize();
      await writing.write(piece);
    }
    if (size !== undefined && written !== size) throw otherSize();
  } catch (error) {
    await writing.abandon();
    throw error;
  }
  await writing.finish();
}

async function* bytesOf(body: BodyStream): AsyncGenerator<Uint8Array> {
  for (let piece = await body.read(); piece !== undefined; piece = await body.read()) yield piece;
}

function bodyOf({ upload }: RouteRequest): BodyStream {
  if (upload === undefined) throw new Error('The row of this route takes no upload');
  return upload;
}

function otherSize() {
  return fail('unprocessable', {
    reason: 'size_mismatch',
    detail: 'The upload has another size than promised',
  });
}

function badSignature() {
  return fail('forbidden', {
    reason: 'signature_invalid',
    detail: 'This was not signed by us so, or has expired',
  });
}

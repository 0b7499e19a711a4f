import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { fail } from '../../schemas/errors.ts';
import type { BodyStream } from './body-stream.ts';

/** The file of a form, as it comes. */
export interface FormFile {
  /** As the client wrote it, but for paths. */
  name: string;
  fields: Readonly<Record<string, string>>;
  /** Its bytes. Throws `too_large`, and what the body throws. */
  bytes: AsyncIterable<Uint8Array>;
}

const multipart = /^multipart\/form-data\s*;.*boundary=/i;
const fieldsMost = 20;
const fieldBytes = 4096;
/** What a form may have around its file. */
export const formRoom = 64 * 1024;

/**
 * Reads a form up to its file `file` and gives that to `take`; resolves with what `take` gave when the form has ended
 * well. Fields must stand before the file. A form that breaks off, or is none, is `invalid`: `take` sees it as an
 * error of the bytes, and must then forget what it has done.
 */
export async function readForm<T>(
  body: BodyStream,
  most: number,
  take: (file: FormFile) => Promise<T>,
): Promise<T> {
  if (!multipart.test(body.contentType))
    throw fail('unsupported_media_type', { detail: 'This body is multipart/form-data' });
  const form = openForm(body.contentType, most);
  const fields: Record<string, string> = Object.create(null);
  let taken: Promise<T> | undefined;
  let current: Readable | undefined;
  let giveUp = (_: unknown) => {};
  /** Rejects with the first thing that goes wrong, and never resolves. */
  const failure = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  failure.catch(() => {});
  const finished = new Promise<void>((resolve) => form.once('finish', resolve));

  form.on('error', () => giveUp(badForm()));
  form.on('field', (name, value) => {
    if (taken === undefined) fields[name] = value;
  });
  form.on('file', (field, stream, name) => {
    stream.on('error', () => giveUp(badForm()));
    if (field !== 'file') {
      stream.resume();
      return;
    }
    current = stream;
    taken = take({ name: name ?? '', fields, bytes: bytesOf(stream, most) });
    taken.catch(giveUp);
  });

  try {
    for (;;) {
      const piece = await Promise.race([body.read(), failure]);
      if (piece === undefined) break;
      if (!form.write(piece)) await Promise.race([once(form, 'drain'), failure]);
    }
    form.end();
    await Promise.race([finished, failure]);
    if (taken === undefined) throw badForm('The form has no file called "file"');
    return await taken;
  } catch (error) {
    current?.destroy(error as Error);
    form.destroy();
    await taken?.catch(() => {});
    throw error;
  }
}

function openForm(contentType: string, most: number): InstanceType<typeof Busboy> {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      limits: {
        // One more than is allowed tells that there are more.
        fileSize: most + 1,
        files: 1,
        fields: fieldsMost,
        fieldSize: fieldBytes,
        parts: fieldsMost + 1,
        headerPairs: 20,
        headerSize: 8192,
      },
    });
  } catch {
    throw badForm();
  }
}

async function* bytesOf(stream: Readable, most: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > most) throw fail('too_large', { detail: `A file has at most ${most} bytes` });
    yield chunk;
  }
}

function badForm(detail = 'The form cannot be read') {
  return fail('invalid', { reason: 'bad_form', detail });
}

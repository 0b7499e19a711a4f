import type { Readable } from 'node:stream';
import { Busboy, type BusboyFileStream } from '@fastify/busboy';
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
/** More than any piece. */
const heldMost = 2 ** 30;
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
  let done = async () => {};
  let broken: { error: unknown } | undefined;
  let interrupt = (_: unknown) => {};
  function giveUp(error: unknown): void {
    broken ??= { error };
    interrupt(broken.error);
  }
  /** Waits for it, or for the first thing that goes wrong. `Promise.race` would keep every piece until the end. */
  function unlessBroken<V>(work: Promise<V>): Promise<V> {
    return new Promise((resolve, reject) => {
      interrupt = reject;
      if (broken) reject(broken.error);
      work.then(resolve, reject);
    });
  }
  const finished = new Promise<void>((resolve) => form.once('finish', resolve));

  form.on('error', () => giveUp(badForm()));
  form.on('field', (name, value) => {
    if (taken === undefined) fields[name] = value;
  });
  form.on('file', (field, stream, name) => {
    stream.on('error', () => giveUp(badForm()));
    stream.on('limit', () => giveUp(tooLarge(most)));
    if (field !== 'file') {
      stream.resume();
      return;
    }
    current = stream;
    const file = openFile(stream, most);
    done = file.done;
    taken = take({ name: name ?? '', fields, bytes: file.bytes });
    taken.then(file.leave, giveUp);
  });

  try {
    for (;;) {
      const piece = await unlessBroken(body.read());
      if (piece === undefined) break;
      form.write(piece);
      // Its bytes are others from the next one on.
      await unlessBroken(done());
    }
    form.end();
    await unlessBroken(finished);
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
      // It holds nothing back: when `write` returns, all of a piece was looked at, and only the file still has some of it.
      highWaterMark: heldMost,
      fileHwm: heldMost,
      limits: {
        fileSize: most,
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

interface OpenFile {
  /** A piece is lent until the next one is asked for. What the limit has cut off must not look like a whole file. */
  bytes: AsyncIterable<Uint8Array>;
  /** Resolves when whoever takes the bytes needs none any more of those that have come so far. */
  done(): Promise<void>;
  /** Nobody takes what is left of it. */
  leave(): void;
}

function openFile(stream: BusboyFileStream, most: number): OpenFile {
  let size = 0;
  let left = false;
  let wake = () => {};
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      yield piece;
      size += piece.byteLength;
      if (size === stream.bytesRead) wake();
    }
    if (stream.truncated) throw tooLarge(most);
  }
  return {
    bytes: bytes(),
    done: () =>
      left || size === stream.bytesRead ? Promise.resolve() : new Promise((resolve) => (wake = resolve)),
    leave() {
      left = true;
      stream.resume();
      wake();
    },
  };
}

function tooLarge(most: number) {
  return fail('too_large', { detail: `A file has at most ${most} bytes` });
}

function badForm(detail = 'The form cannot be read') {
  return fail('invalid', { reason: 'bad_form', detail });
}

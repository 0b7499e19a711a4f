import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';

/** The whole of a stream that holds at most so many bytes. Throws where it holds more. */
export async function readAll(stream: Readable, most: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > most) throw new Error('It is greater than it was');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}

/** The same of what a stream brings, with its size. */
export async function hashStream(stream: Readable): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.byteLength;
  }
  return { sha256: hash.digest('base64url'), size };
}

import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { File } from '../../../../schemas/rest/media.ts';
import { product, useProduct } from '../support/program.ts';
import { newUser, type User } from '../support/users.ts';
import { get, presign } from './support.ts';

/** Bytes of one piece, in turn: from what is a chunk of its own to what fills several reads. */
const odd = [1, 70_001, 13, 1_500_007, 511, 262_144, 99_999];

function* inPieces(bytes: Buffer): Generator<Uint8Array> {
  for (let [at, turn] = [0, 0]; at < bytes.length; turn++) {
    const size = odd[turn % odd.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** `chunked`: each piece is a chunk; else the length is told. */
function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  bytes: Buffer,
  chunked: boolean,
): Promise<{ status: number | undefined; body: string }> {
  const all = chunked ? headers : { ...headers, 'content-length': String(bytes.length) };
  return new Promise((resolve, reject) => {
    const asking = request(
      `${product().url}${path}`,
      { method, agent: false, headers: all },
      async (response) => {
        resolve({ status: response.statusCode, body: await text(response) });
      },
    );
    asking.on('error', reject);
    pipeline(Readable.from(inPieces(bytes)), asking, () => {});
  });
}

function formOf(fields: Record<string, string>, bytes: Buffer): Buffer {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--bound\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = '--bound\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n';
  return Buffer.concat([Buffer.from(parts.join('') + head), bytes, Buffer.from('\r\n--bound--\r\n')]);
}

const formType = { 'content-type': 'multipart/form-data; boundary=bound' };

async function byForm(user: User, bytes: Buffer, chunked: boolean): Promise<File> {
  const headers = { ...formType, authorization: `Bearer ${user.tokens.access_token}` };
  const { status, body } = await send('POST', '/upload', headers, formOf({}, bytes), chunked);
  expect(status, body).to.equal(201);
  return JSON.parse(body);
}

async function bySignature(user: User, bytes: Buffer, chunked: boolean, method = 'POST'): Promise<File> {
  const asked = { content_type: 'application/octet-stream', size: bytes.length, kind: 'file', method };
  const { body: promise } = await presign(user, asked);
  const sent =
    promise.method === 'PUT'
      ? await send('PUT', promise.url, promise.headers, bytes, false)
      : await send('POST', promise.url, formType, formOf(promise.fields, bytes), chunked);
  expect(sent.status, sent.body).to.equal(204);
  const { status, body } = await user.rest<File>('POST', `/uploads/${promise.file_id}/complete`);
  expect(status).to.equal(200);
  return body;
}

describe('the bytes of uploads', function () {
  this.timeout(120_000);
  useProduct();

  it('are those that were sent, of many at once, with a length and in chunks', async () => {
    const ways = [
      (user: User, bytes: Buffer) => byForm(user, bytes, false),
      (user: User, bytes: Buffer) => byForm(user, bytes, true),
      (user: User, bytes: Buffer) => bySignature(user, bytes, false),
      (user: User, bytes: Buffer) => bySignature(user, bytes, true),
      (user: User, bytes: Buffer) => bySignature(user, bytes, false, 'PUT'),
    ];
    const sizes = [100, 300_007, 9_000_001, 20_000_003];
    await Promise.all(
      ways.flatMap((way) =>
        sizes.map(async (size) => {
          // More of one user at once would be too many.
          const user = await newUser();
          const bytes = randomBytes(size);
          const file = await way(user, bytes);
          expect(file.size).to.equal(size);
          const got = await get(file.url ?? '');
          expect(got.bytes.equals(bytes), `${size} bytes`).to.equal(true);
        }),
      ),
    );
  });
});

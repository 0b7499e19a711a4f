import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import sharp, { type Sharp } from 'sharp';
import type { File, Presigned } from '../../../../schemas/rest/media.ts';
import { eventually } from '../../../support/eventually.ts';
import { product } from '../support/program.ts';
import { type Answer, rest } from '../support/rest.ts';
import type { User } from '../support/users.ts';

/** Files as clients send them, made here: no file of anybody's lies in the repository. */

type Bytes = Uint8Array<ArrayBuffer>;

export interface Sent {
  bytes: Bytes | string;
  /** As in the form; `photo.png` unless it says otherwise. */
  name?: string;
  /** What the client claims. */
  type?: string;
}

export async function upload<Body = File>(
  user: User,
  { bytes, name = 'photo.png', type = 'application/octet-stream' }: Sent,
  path = '/upload',
): Promise<Answer<Body>> {
  const { raw, headers } = await encode(name, bytes, {}, type);
  return rest<Body>('POST', path, { token: user.tokens.access_token, raw, headers });
}

/** An upload that must be taken. */
export async function uploaded(user: User, sent: Sent): Promise<File> {
  const { status, body } = await upload(user, sent);
  expect(status, JSON.stringify(body)).to.equal(201);
  return body;
}

export interface Got {
  status: number;
  headers: Headers;
  bytes: Buffer;
}

/** The bytes that a URL leads to, as a browser asks for them: with nothing but the URL. */
export async function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  const response = await fetch(`${product().url}${path}`, { method, headers, redirect: 'manual' });
  return {
    status: response.status,
    headers: response.headers,
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}

/** With somebody's access token instead of a signature. */
export function getAs(user: User, path: string, headers: Record<string, string> = {}): Promise<Got> {
  return get(path, { ...headers, authorization: `Bearer ${user.tokens.access_token}` });
}

/** A picture that no encoder makes small. */
export function noise(width: number, height: number): Sharp {
  return sharp({
    create: {
      width,
      height,
      channels: 3,
      background: '#8040ff',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  });
}

export async function png(width = 40, height = 30): Promise<Bytes> {
  return own(await noise(width, height).png().toBuffer());
}

/** Bytes of no type: of those that are random from the first one on, some begin like a sound or a picture. */
export function nothing(length: number): Bytes {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  bytes.set(new TextEncoder().encode('nothing '));
  return bytes;
}

export function own(buffer: Buffer): Bytes {
  return new Uint8Array(buffer);
}

/** A tone of so many seconds, as 8-bit PCM. */
export function wav(seconds: number): Bytes {
  const rate = 8000;
  const size = seconds * rate;
  const out = Buffer.alloc(44 + size, 128);
  out.write('RIFF', 0);
  out.writeUInt32LE(36 + size, 4);
  out.write('WAVEfmt ', 8);
  for (const [at, value] of [
    [16, 16],
    [24, rate],
    [28, rate],
    [40, size],
  ] as const)
    out.writeUInt32LE(value, at);
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 1],
    [34, 8],
  ] as const)
    out.writeUInt16LE(value, at);
  out.write('data', 36);
  return own(out);
}

/** What lies in the object store of the shared program, by folder. */
export function stored(): Record<'begun' | 'incoming', string[]> {
  const list = (name: string) => {
    try {
      return readdirSync(join(product().folder, 'data', 'media', name));
    } catch {
      return [];
    }
  };
  return { begun: list('begun'), incoming: list('incoming') };
}

/** Nothing of this, also once whatever is being stored has been. */
export function nothingLeft(): Promise<void> {
  return eventually(() => {
    const left = JSON.stringify(stored());
    return left === '{"begun":[],"incoming":[]}' || left;
  });
}

export async function presign(user: User, body: object): Promise<Answer<Presigned>> {
  return user.rest<Presigned>('POST', '/uploads/presign', body);
}

type Signed<Method> = Presigned & { method: Method };

/** Four bytes of nothing are awaited. */
export async function promised(user: User): Promise<Signed<'PUT'>> {
  const asked = { content_type: 'application/octet-stream', size: 4, kind: 'file' };
  const signed = (await presign(user, asked)).body as Signed<'PUT'>;
  // fetch knows the length by itself, and would send two types of different case.
  return { ...signed, headers: { 'content-type': signed.headers['Content-Type'] ?? '' } };
}

export async function promisedForm(user: User): Promise<Signed<'POST'>> {
  const asked = { content_type: 'application/octet-stream', size: 4, kind: 'file', method: 'POST' };
  return (await presign(user, asked)).body as Signed<'POST'>;
}

/** They have come, and are not completed: the id of the file. */
export async function sentBy(user: User): Promise<string> {
  const { url, headers, file_id } = await promised(user);
  expect((await rest('PUT', url, { raw: new Uint8Array(4), headers })).status).to.equal(204);
  return file_id;
}

async function encode(
  name: string,
  bytes: Bytes | string,
  fields: Record<string, string> = {},
  type = 'application/octet-stream',
): Promise<{ raw: Bytes; headers: Record<string, string> }> {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  form.append('file', new Blob([bytes], { type }), name);
  const encoded = new Response(form);
  const raw = new Uint8Array(await encoded.arrayBuffer());
  return { raw, headers: { 'content-type': encoded.headers.get('content-type') ?? '' } };
}

/** A request with a form, for tables of requests. */
export async function aForm(path: string, name: string, bytes: Bytes, fields: Record<string, string> = {}) {
  return { path, ...(await encode(name, bytes, fields)) };
}

import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, SuhbatError } from '../../schemas/errors.ts';
import type { Clock } from '../process/clock.ts';
import type { ObjectStat, Objects, UploadPromise, Writing } from './objects.ts';

export interface LocalObjectsOptions {
  /** A folder of our own. Several processes may share it, also over a network file system. */
  dir: string;
  /** All processes that share the folder have the same one. */
  secret: string;
  clock: Clock;
  /** `name`: the system's word for why it failed, such as `ENOSPC`. */
  onError(error: { name: string }): void;
}

const keyPattern = /^[a-z]+(\/[a-z0-9][a-z0-9.-]*){1,2}$/;

/** Objects as files of a folder: written beside, synced, and then given their name. */
export async function openLocalObjects({
  dir,
  secret,
  clock,
  onError,
}: LocalObjectsOptions): Promise<Objects> {
  const begun = join(dir, 'begun');
  await mkdir(begun, { recursive: true, mode: 0o700 });
  const { storing, orNothing } = createStoring(onError);
  const signKey = Buffer.from(hkdfSync('sha256', secret, '', 'suhbat signed uploads', 32));

  function pathOf(key: string): string {
    // Keys are ours; one that is not must not leave the folder.
    if (!keyPattern.test(key) || key.includes('..')) throw new Error('This is no key of an object');
    return join(dir, key);
  }

  async function begin(key: string): Promise<Writing> {
    const to = pathOf(key);
    const path = join(begun, randomBytes(16).toString('hex'));
    const file = await storing(() => open(path, 'wx', 0o600));
    return {
      write: (chunk) => storing(() => writeAll(file, chunk)),
      finish: () =>
        storing(async () => {
          await file.datasync().finally(() => file.close());
          await mkdir(dirname(to), { recursive: true, mode: 0o700 });
          await rename(path, to);
        }).catch(async (error) => {
          await unlink(path).catch(() => {});
          throw error;
        }),
      async abandon() {
        await file.close().catch(() => {});
        await unlink(path).catch(() => {});
      },
    };
  }

  async function statOf(key: string): Promise<ObjectStat | undefined> {
    const found = await orNothing(() => stat(pathOf(key), { bigint: true }));
    return found && { size: Number(found.size), version: `${found.ino}.${found.mtimeNs}` };
  }

  function sign(key: string, { type, size }: Pick<UploadPromise, 'type' | 'size'>, expires: number): string {
    const text = JSON.stringify([key, type, size, expires]);
    return createHmac('sha256', signKey).update(text).digest('base64url');
  }

  function signedQuery(key: string, promise: UploadPromise): URLSearchParams {
    const expires = Math.floor(clock.now() / 1000) + promise.expiresInS;
    const { type, size } = promise;
    return new URLSearchParams({
      content_type: type,
      size: String(size),
      expires: String(expires),
      sig: sign(key, promise, expires),
    });
  }

  return {
    begin,
    async put(key, bytes) {
      const writing = await begin(key);
      try {
        await writing.write(bytes);
      } catch (error) {
        await writing.abandon();
        throw error;
      }
      await writing.finish();
    },
    stat: statOf,
    async read(key, range) {
      const file = await orNothing(() => open(pathOf(key), 'r'));
      return file?.createReadStream(range && { start: range.start, end: range.end });
    },
    async copy(from, to, version) {
      const target = pathOf(to);
      // A file that is put again is another one: what the link holds does not change any more.
      await storing(() => mkdir(dirname(target), { recursive: true, mode: 0o700 }));
      const linked = await orNothing(async () => {
        await link(pathOf(from), target);
        return true;
      });
      if (!linked) return false;
      if ((await statOf(to))?.version === version) return true;
      await storing(() => unlink(target));
      return false;
    },
    async remove(key) {
      await orNothing(() => unlink(pathOf(key)));
    },
    async list(prefix, before, limit) {
      const folder = prefix.slice(0, prefix.lastIndexOf('/'));
      const names = (await orNothing(() => readdir(pathOfFolder(dir, folder)))) ?? [];
      const found: string[] = [];
      for (const name of names) {
        const key = `${folder}/${name}`;
        if (found.length === limit) break;
        if (!key.startsWith(prefix) || !keyPattern.test(key)) continue;
        const about = await orNothing(() => stat(pathOf(key)));
        if (about?.isFile() && about.mtimeMs < before) found.push(key);
      }
      return found;
    },
    async sweep(before) {
      for (const name of await storing(() => readdir(begun))) {
        const path = join(begun, name);
        const about = await orNothing(() => stat(path));
        if (about && about.mtimeMs < before) await orNothing(() => unlink(path));
      }
    },
    async presignPut(key, promise) {
      const url = `${signedPath(key)}?${signedQuery(key, promise)}`;
      return { url, headers: { 'Content-Type': promise.type, 'Content-Length': String(promise.size) } };
    },
    async presignPost(key, promise) {
      return { url: signedPath(key), fields: Object.fromEntries(signedQuery(key, promise)) };
    },
    signed: {
      promised(key, { content_type: type = '', size = '', expires = '', sig = '' }) {
        const until = Number(expires);
        const promise = { type, size: Number(size) };
        const own = sign(key, promise, until);
        const now = Math.floor(clock.now() / 1000);
        return equal(sig, own) && until > now ? { ...promise, expiresInS: until - now } : undefined;
      },
    },
    close() {},
  };
}

/** Where our gateways take what was signed here. */
function signedPath(key: string): string {
  return `/uploads/${key.slice(key.lastIndexOf('/') + 1)}`;
}

function pathOfFolder(dir: string, folder: string): string {
  if (!/^[a-z]+$/.test(folder)) throw new Error('Only keys of one level are listed');
  return join(dir, folder);
}

function equal(one: string, other: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) at += (await file.write(chunk, at)).bytesWritten;
}

/** What the system refuses becomes `unavailable`, and the operator hears why. */
function createStoring(onError: LocalObjectsOptions['onError']) {
  async function storing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (error instanceof SuhbatError || code === undefined) throw error;
      onError({ name: code });
      throw fail('unavailable', { reason: 'media_unavailable' });
    }
  }

  /** Gives nothing where there is no such file. */
  function orNothing<T>(work: () => Promise<T>): Promise<T | undefined> {
    return storing(() =>
      work().catch((error) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }),
    );
  }

  return { storing, orNothing };
}

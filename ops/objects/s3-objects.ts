import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { fail } from '../../schemas/errors.ts';
import type { Objects, Writing } from './objects.ts';

export interface S3ObjectsOptions {
  /** Absent: Amazon's own of the region. */
  endpoint?: string | undefined;
  /** Where clients reach it, where that is another address. */
  publicEndpoint?: string | undefined;
  region: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** Milliseconds for which S3 may say nothing in the middle of a request; 20 s unless it says otherwise. */
  silenceMs?: number;
  /** `name`: S3's word for it, or the system's where there was no answer. */
  onError(error: { name: string; status: number | undefined }): void;
}

/** `code`: of the system, where there is no answer. */
interface S3Fault {
  name: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

const connectMs = 3000;
/** A client that takes 64 KiB of a file in so long keeps its download. */
const mostSilenceMs = 20_000;
const socketsMost = 200;
/** The ETag of no object. */
const neverVersion = '"none"';

/**
 * Objects in a bucket of S3, or of what speaks like it. What a client sends through a gateway is spooled to a file
 * without a name, since S3 wants to know the size first: a slow client holds no connection to it, memory holds no part
 * of it, and a process that dies leaves nothing.
 */
export function openS3Objects(options: S3ObjectsOptions): Objects {
  const { bucket: Bucket, endpoint, publicEndpoint = endpoint, onError } = options;
  const own = createClient(options, endpoint);
  const outside = publicEndpoint === endpoint ? own : createClient(options, publicEndpoint);

  async function asking<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { name, code = name, $metadata } = error as S3Fault;
      onError({ name: code, status: $metadata?.httpStatusCode });
      throw fail('unavailable', { reason: 'media_unavailable' });
    }
  }

  /** Nothing where S3 says that there is none, or another one. */
  function orNothing<T>(work: () => Promise<T>): Promise<T | undefined> {
    return asking(() =>
      work().catch((error) => {
        if ([404, 412].includes(error?.$metadata?.httpStatusCode)) return undefined;
        throw error;
      }),
    );
  }

  const put = (Key: string, Body: Uint8Array | Readable, size: number, ContentType: string) =>
    own.send(new PutObjectCommand({ Bucket, Key, Body, ContentLength: size, ContentType }));

  return {
    async begin(key, type): Promise<Writing> {
      const spool = await asking(openSpool);
      let size = 0;
      return {
        write: (chunk) =>
          asking(async () => {
            for (let at = 0; at < chunk.byteLength; ) {
              const { bytesWritten } = await spool.write(chunk, at, chunk.byteLength - at, size);
              at += bytesWritten;
              size += bytesWritten;
            }
          }),
        finish: () =>
          asking(() => sendSpool(spool, (body) => put(key, body, size, type))).finally(() => spool.close()),
        abandon: () => spool.close().catch(() => {}),
      };
    },
    async put(key, bytes, type) {
      await asking(() => put(key, bytes, bytes.byteLength, type));
    },
    async stat(key) {
      const found = await orNothing(() => own.send(new HeadObjectCommand({ Bucket, Key: key })));
      return found && { size: found.ContentLength ?? 0, version: found.ETag ?? '' };
    },
    async read(key, range) {
      const Range = range && `bytes=${range.start}-${range.end}`;
      const found = await orNothing(() => own.send(new GetObjectCommand({ Bucket, Key: key, Range })));
      return found?.Body as Readable | undefined;
    },
    async copy(from, to, version, type) {
      const copyIf = (condition: string) =>
        own.send(
          new CopyObjectCommand({
            Bucket,
            Key: to,
            CopySource: `${Bucket}/${from}`,
            CopySourceIfMatch: condition,
            MetadataDirective: 'REPLACE',
            ContentType: type,
          }),
        );
      const copied = await orNothing(() => copyIf(version));
      if (copied === undefined) return false;
      // Ceph leaves the quotes out here.
      if (copied.CopyObjectResult?.ETag?.replaceAll('"', '') === version.replaceAll('"', '')) return true;
      // Where ETags are no hashes (encryption with keys) a copy has another one. Ceph 16 has hashes, but copies whatever is
      // there and reads no condition: whoever takes one that nothing fulfils has not read ours either.
      const heeded = await asking(() => copyIf(neverVersion).then(() => false, isMismatch));
      if (!heeded) await asking(() => own.send(new DeleteObjectCommand({ Bucket, Key: to })));
      return heeded;
    },
    async remove(key) {
      await orNothing(() => own.send(new DeleteObjectCommand({ Bucket, Key: key })));
    },
    async list(prefix, before, limit) {
      const found: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await asking(() =>
          own.send(new ListObjectsV2Command({ Bucket, Prefix: prefix, ContinuationToken })),
        );
        for (const { Key, LastModified } of page.Contents ?? [])
          if (Key !== undefined && (LastModified?.getTime() ?? before) < before) found.push(Key);
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined && found.length < limit);
      return found.slice(0, limit);
    },
    // A spool has no name: it went with its process.
    async sweep() {},
    async presignPut(key, { type, size, expiresInS }) {
      const command = new PutObjectCommand({ Bucket, Key: key, ContentType: type, ContentLength: size });
      const url = await asking(() =>
        getSignedUrl(outside, command, {
          expiresIn: expiresInS,
          signableHeaders: new Set(['host', 'content-type', 'content-length']),
        }),
      );
      return { url, headers: { 'Content-Type': type, 'Content-Length': String(size) } };
    },
    presignPost: (key, { type, size, expiresInS }) =>
      asking(() =>
        createPresignedPost(outside, {
          Bucket,
          Key: key,
          Expires: expiresInS,
          Fields: { 'Content-Type': type },
          Conditions: [
            ['content-length-range', size, size],
            ['eq', '$Content-Type', type],
          ],
        }),
      ),
    close() {
      own.destroy();
      outside.destroy();
    },
  };
}

function createClient(
  { region, accessKey, secretKey, silenceMs = mostSilenceMs }: S3ObjectsOptions,
  endpoint?: string,
): S3Client {
  return new S3Client({
    region,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    // Other servers than Amazon's seldom have a name for each bucket.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    // A checksum of an empty body would be signed into presigned uploads.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 3,
    // It would write to the console what is told to `onError`.
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    requestHandler: {
      connectionTimeout: connectMs,
      // `requestTimeout` would only write a warning.
      socketTimeout: silenceMs,
      httpAgent: { maxSockets: socketsMost, keepAlive: true },
      httpsAgent: { maxSockets: socketsMost, keepAlive: true },
    },
  });
}

/** True where S3 says that a condition is not fulfilled, false where there is no such object; throws anything else. */
function isMismatch(error: { $metadata?: { httpStatusCode?: number } }): boolean {
  const status = error?.$metadata?.httpStatusCode;
  if (status !== 412 && status !== 404) throw error;
  return status === 412;
}

/** A file that nobody else can open, and that is gone with its last handle. */
async function openSpool(): Promise<FileHandle> {
  const path = join(tmpdir(), `suhbat-upload-${randomBytes(12).toString('hex')}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

/** Sends a spool from its beginning. Whoever took it may have left it in the middle: nothing is read any more then. */
async function sendSpool(spool: FileHandle, send: (body: Readable) => Promise<unknown>): Promise<void> {
  const body = spool.createReadStream({ start: 0, autoClose: false });
  const broken = once(body, 'error').then(([error]) => Promise.reject(error));
  try {
    await Promise.race([send(body), broken]);
  } finally {
    body.destroy();
  }
}

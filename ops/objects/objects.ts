import type { Readable } from 'node:stream';

/**
 * Where files lie: a folder, or a bucket of S3. Keys are ours (`objectKeys`), never anything that a client wrote.
 *
 * - An object is there as a whole or not at all: nobody sees a half, and what is abandoned, or whose process dies,
 *   is never seen under its key.
 * - What was put, copied or removed is seen so by everybody at once.
 * - Every method throws `unavailable` (`media_unavailable`) where the store does not answer or has no room.
 */
export interface Objects {
  /** Begins an object whose size nobody knows yet. */
  begin(key: string, type: string): Promise<Writing>;
  put(key: string, bytes: Uint8Array, type: string): Promise<void>;
  /** Nothing where there is no such object. */
  stat(key: string): Promise<ObjectStat | undefined>;
  /** The bytes from `start` to `end`, both included; all of them without a range. Nothing where there is no such object. */
  read(key: string, range?: ByteRange): Promise<Readable | undefined>;
  /** Copies that version of an object. False where it is gone, or another by now. */
  copy(from: string, to: string, version: string, type: string): Promise<boolean>;
  /** It may be gone already. */
  remove(key: string): Promise<void>;
  /** Keys that begin so, of objects last written before this time (milliseconds since 1970), in no order. */
  list(prefix: string, before: number, limit: number): Promise<string[]>;
  /** Removes what processes that died have left of objects that they began before this time. */
  sweep(before: number): Promise<void>;
  /** What lets somebody put this one object, of this type and size, without us, until it expires. */
  presignPut(key: string, promise: UploadPromise): Promise<SignedPut>;
  /** The same as a form. */
  presignPost(key: string, promise: UploadPromise): Promise<SignedPost>;
  /** Where signed uploads come to a gateway of ours: who checks them. Absent where they go elsewhere. */
  readonly signed?: SignedUploads;
  close(): void;
}

export interface Writing {
  /** Resolves when more may come. The bytes must stay as they are until then. */
  write(chunk: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

export interface ObjectStat {
  size: number;
  /** Another one whenever the object is written again. */
  version: string;
}

export interface ByteRange {
  start: number;
  end: number;
}

export interface UploadPromise {
  type: string;
  /** Bytes, exactly. */
  size: number;
  expiresInS: number;
}

export interface SignedPut {
  /** Absolute, or root-relative where it is one of our gateways. */
  url: string;
  /** To be sent as they stand here. */
  headers: Record<string, string>;
}

export interface SignedPost {
  url: string;
  /** To be sent before the field `file`. */
  fields: Record<string, string>;
}

export interface SignedUploads {
  /** What was promised for this key, where the signature is ours and has not expired. */
  promised(key: string, query: Readonly<Record<string, string | undefined>>): UploadPromise | undefined;
}

/** Keys of objects. The last two digits of a version 7 UUID are random: no folder holds them all. */
export const objectKeys = {
  /** What came from a client and was not looked at. */
  incoming: (fileId: string) => `incoming/${fileId}`,
  /** `nonce`: whoever completes an upload writes to a place of its own. */
  file: (fileId: string, nonce: string) => `files/${fileId.slice(-2)}/${fileId}.${nonce}`,
  thumb: (fileId: string, nonce: string) => `thumbs/${fileId.slice(-2)}/${fileId}.${nonce}`,
};

export const incomingPrefix = 'incoming/';

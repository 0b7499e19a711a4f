import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../process/clock.ts';

/** Root-relative URLs of files, given only to callers who may see them: who has one needs nothing else. */
export interface MediaUrls {
  file(fileId: string): string;
  thumb(fileId: string): string;
  /** Is this the signature of such a URL, and still good? */
  verify(fileId: string, part: MediaPart, signature: string): boolean;
}

export type MediaPart = 'file' | 'thumb';

/** Seconds. A URL is good for an hour and up to a quarter more: within it the same one, which browsers can keep. */
const goodS = 3600;
const stepS = 900;
const pattern = /^(\d{10,12})\.([A-Za-z0-9_-]{43})$/;

/** `secret`: the same in all processes. Its own use is another; the key is derived from it. */
export function createMediaUrls(secret: string, clock: Clock): MediaUrls {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'suhbat media urls', 32));
  const macOf = (fileId: string, part: MediaPart, expiry: number) =>
    createHmac('sha256', key).update(`${part} ${fileId} ${expiry}`).digest();

  function sign(fileId: string, part: MediaPart): string {
    const expiry = Math.ceil((clock.now() / 1000 + goodS) / stepS) * stepS;
    return `${expiry}.${macOf(fileId, part, expiry).toString('base64url')}`;
  }

  return {
    file: (fileId) => `/media/${fileId}?sig=${sign(fileId, 'file')}`,
    thumb: (fileId) => `/media/${fileId}/thumb?sig=${sign(fileId, 'thumb')}`,
    verify(fileId, part, signature) {
      const [, expiry = '', mac = ''] = pattern.exec(signature) ?? [];
      if (Number(expiry) * 1000 <= clock.now()) return false;
      return timingSafeEqual(
        Buffer.from(mac.padEnd(43, 'A'), 'base64url'),
        macOf(fileId, part, Number(expiry)),
      );
    },
  };
}

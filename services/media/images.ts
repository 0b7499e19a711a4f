import sharp, { type Sharp } from 'sharp';
import { fail } from '../../schemas/errors.ts';

/** An image as we wrote it: nothing of the bytes that came is in it but the picture. */
export interface Picture {
  bytes: Uint8Array;
  mime_type: string;
  extension: string;
  width: number;
  height: number;
}

export type ImageUse = 'image' | 'avatar';

export interface Images {
  /**
   * Whoever holds the bytes of an image does so in here: two at a time, so that memory holds no more of them. Throws
   * `unavailable` (`media_busy`) where too many wait, and what the work throws.
   */
  inTurn<T>(work: (tools: ImageTools) => Promise<T>): Promise<T>;
}

/** Both throw `unprocessable` (`image_broken`, `too_many_pixels`). */
export interface ImageTools {
  /** Writes it anew, upright, in sRGB, without metadata. */
  remake(bytes: Uint8Array, use: ImageUse): Promise<Picture>;
  /** A small still one. */
  thumb(bytes: Uint8Array): Promise<Picture>;
}

/** The formats that we read. Every other loader of libvips is closed: what it does not read cannot harm it. */
export const imageTypes = ['image/jpeg', 'image/png', 'image/webp', 'image/gif'];
const loaders = ['Jpeg', 'Png', 'Webp', 'Nsgif'].map((name) => `VipsForeignLoad${name}`);

/** The longer side. */
const sides = { image: 4096, avatar: 1024, thumb: 320 };
const secondsMost = 20;
/** One image is one thread; more wait. */
const atOnce = 2;
const waitingMost = 64;

export interface ImagesOptions {
  /** Of an image as it comes, all frames together. */
  maxPixels: number;
}

export function createImages({ maxPixels }: ImagesOptions): Images {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: loaders });
  sharp.concurrency(1);
  sharp.cache(false);
  const turn = createTurns(atOnce, waitingMost);

  function open(bytes: Uint8Array, animated: boolean): Sharp {
    return sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', animated, sequentialRead: true });
  }

  /** `image`: frames stay. An avatar is a still one. */
  async function remake(bytes: Uint8Array, use: ImageUse): Promise<Picture> {
    const { format, pages = 1 } = await sharp(bytes, { limitInputPixels: maxPixels }).metadata();
    const moving = use === 'image' && pages > 1 && (format === 'gif' || format === 'webp');
    const fitted = within(open(bytes, moving), sides[use]);
    if (format === 'jpeg') return write(fitted.jpeg({ quality: 85 }), 'image/jpeg', 'jpg');
    if (format === 'png') return write(fitted.png({ compressionLevel: 6 }), 'image/png', 'png');
    return write(fitted.webp({ quality: 85, effort: moving ? 1 : 3 }), 'image/webp', 'webp');
  }

  const tools: ImageTools = {
    remake: (bytes, use) => judged(() => remake(bytes, use)),
    thumb: (bytes) =>
      judged(() =>
        write(within(open(bytes, false), sides.thumb).webp({ quality: 75 }), 'image/webp', 'webp'),
      ),
  };
  return { inTurn: (work) => turn(() => work(tools)) };
}

function within(image: Sharp, side: number): Sharp {
  return image
    .autoOrient()
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    .timeout({ seconds: secondsMost });
}

async function write(image: Sharp, mime_type: string, extension: string): Promise<Picture> {
  const { data, info } = await image.toBuffer({ resolveWithObject: true });
  return { bytes: data, mime_type, extension, width: info.width, height: info.pageHeight ?? info.height };
}

/** What libvips says about an image is about what was sent. */
async function judged<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const said = error instanceof Error ? error.message : '';
    if (/pixel limit/.test(said))
      throw fail('unprocessable', { reason: 'too_many_pixels', detail: 'This image has too many pixels' });
    throw fail('unprocessable', { reason: 'image_broken', detail: 'This image cannot be read' });
  }
}

/** Work in turns: so much at once, so much waits, the rest is refused. */
function createTurns(atOnce: number, most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running < atOnce) running++;
    else if (waiting.length >= most) throw fail('unavailable', { reason: 'media_busy' });
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}

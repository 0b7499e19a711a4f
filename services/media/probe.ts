import type { Readable } from 'node:stream';
import { type IAudioMetadata, parseStream } from 'music-metadata';

/** What a recording says of itself. */
export interface Probed {
  /** Seconds; null where it does not tell, or lies. */
  duration_s: number | null;
  /** False: there is sound and nothing else, whatever the container is called. */
  hasVideo: boolean | undefined;
}

export const nothing: Probed = { duration_s: null, hasVideo: undefined };
const patienceMs = 4000;
const daySeconds = 86_400;

/** Reads as much of the stream as it needs, and ends it. What cannot be read has no duration: that is no fault. */
export async function probe(stream: Readable, mimeType: string, size: number): Promise<Probed> {
  const timer = setTimeout(() => stream.destroy(new Error('too slow')), patienceMs);
  try {
    const about = await parseStream(stream, { mimeType, size }, { skipCovers: true, duration: true });
    return { duration_s: durationOf(about), hasVideo: about.format.hasVideo };
  } catch {
    return nothing;
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}

function durationOf({ format }: IAudioMetadata): number | null {
  const { duration = Number.NaN } = format;
  return duration >= 0 && duration < daySeconds ? Math.round(duration * 1000) / 1000 : null;
}

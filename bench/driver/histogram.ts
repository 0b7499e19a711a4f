import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

export type { Histogram };

/** Microseconds, 1 to a minute, three digits. */
export function newHistogram(): Histogram {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
}

export function record(histogram: Histogram, us: number): void {
  histogram.recordValue(Math.min(Math.max(Math.round(us), 1), 60_000_000));
}

export const pack = encodeIntoCompressedBase64;

export function merge(packed: readonly string[]): Histogram {
  const all = newHistogram();
  for (const one of packed) all.add(decodeFromCompressedBase64(one) as Histogram);
  return all;
}

/** UUIDs, version 7 (RFC 9562): made here, in browsers and in Node alike. */

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Is this a UUID of any version, in any case? */
export function isUuid(value: string): boolean {
  return uuid.test(value);
}

/** Is this lower-case UUID of version 7? */
export function isUuidV7(value: string): boolean {
  return value.charCodeAt(14) === 0x37 && uuid.test(value);
}

/** The time in a version 7 UUID, in milliseconds since 1970. */
export function uuidV7Time(value: string): number {
  return Number.parseInt(value.slice(0, 8) + value.slice(9, 13), 16);
}

/**
 * A maker of version 7 UUIDs that only ever grow, also within one millisecond and when the clock steps
 * back: 48 bits of time, a 12-bit counter that starts at random in its lower half, 62 random bits.
 */
export function uuidV7Maker(
  now: () => number = Date.now,
  random: (bytes: Uint8Array<ArrayBuffer>) => unknown = (bytes) => crypto.getRandomValues(bytes),
): () => string {
  const bytes = new Uint8Array(10);
  let last = 0;
  let counter = 0;
  return () => {
    random(bytes);
    const at = now();
    if (at > last) {
      last = at;
      counter = (((bytes[8] ?? 0) << 8) | (bytes[9] ?? 0)) & 0x7ff;
    } else if (++counter > 0xfff) {
      last++;
      counter = 0;
    }
    const time = last.toString(16).padStart(12, '0');
    const h = (index: number) => hex[bytes[index] ?? 0];
    const variant = hex[((bytes[0] ?? 0) & 0x3f) | 0x80];
    const count = counter.toString(16).padStart(3, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${variant}${h(1)}-${h(2)}${h(3)}${h(4)}${h(5)}${h(6)}${h(7)}`;
  };
}

/** A new id: greater than every id that this process made before. */
export const newId = uuidV7Maker();

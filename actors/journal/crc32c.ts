/** The Castagnoli polynomial, bits reversed. zlib has CRC-32 only, which is another one. */
const POLYNOMIAL = 0x82f63b78;

/** Eight tables of 256: table k gives the effect of a byte that k more bytes follow. */
const TABLES = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  TABLES[byte] = value;
}
for (let at = 256; at < TABLES.length; at++) {
  const before = table(at - 256);
  TABLES[at] = (before >>> 8) ^ table(before & 0xff);
}

function table(at: number): number {
  return TABLES[at] as number;
}

/**
 * CRC32C of the bytes from `start` up to `end`, as an unsigned 32-bit number. Eight bytes a step
 * (slicing-by-8): about 1 ns a byte, so 4 µs for a record of twenty messages.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = -1;
  let at = start;
  for (const last = end - 7; at < last; at += 8) {
    const low = crc ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      table(1792 + (low & 0xff)) ^
      table(1536 + ((low >>> 8) & 0xff)) ^
      table(1280 + ((low >>> 16) & 0xff)) ^
      table(1024 + (low >>> 24)) ^
      table(768 + (high & 0xff)) ^
      table(512 + ((high >>> 8) & 0xff)) ^
      table(256 + ((high >>> 16) & 0xff)) ^
      table(high >>> 24);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ table((crc ^ view.getUint8(at)) & 0xff);
  return ~crc >>> 0;
}

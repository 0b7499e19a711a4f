import { expect } from 'chai';
import { crc32c } from '../../../actors/journal/crc32c.ts';

describe('crc32c', () => {
  it('gives the values of RFC 3720, B.4', () => {
    const count = Buffer.from(Array.from({ length: 32 }, (_, n) => n));
    expect(crc32c(Buffer.alloc(32), 0, 32)).to.equal(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff), 0, 32)).to.equal(0x62a8ab43);
    expect(crc32c(count, 0, 32)).to.equal(0x46dd794e);
    expect(crc32c(Buffer.from(count).reverse(), 0, 32)).to.equal(0x113fdb5c);
    expect(crc32c(Buffer.from('123456789'), 0, 9)).to.equal(0xe3069283);
  });

  it('covers just the bytes it is given, whatever their number and place', () => {
    const bytes = Buffer.from(Array.from({ length: 64 }, (_, n) => (n * 37) & 0xff));
    for (let start = 0; start < 20; start++)
      for (let end = start; end <= 64; end++)
        expect(crc32c(bytes, start, end)).to.equal(bitByBit(bytes.subarray(start, end)));
  });
});

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

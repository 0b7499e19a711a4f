import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import type { BodyStream } from '../../../gateway/http/body-stream.ts';
import { readForm } from '../../../gateway/http/multipart.ts';

const most = 10_000_000;

/** A body in pieces of these sizes, whose one buffer holds something else as soon as the next piece is asked for. */
function bodyOf(bytes: Buffer, sizes: readonly number[]): BodyStream {
  const buffer = new Uint8Array(Math.max(...sizes));
  let [at, turns] = [0, 0];
  return {
    contentType: 'multipart/form-data; boundary=bound',
    contentLength: undefined,
    async read() {
      buffer.fill(0xee);
      if (at === bytes.length) return undefined;
      const piece = bytes.subarray(at, at + (sizes[turns++ % sizes.length] ?? 1));
      at += piece.length;
      buffer.set(piece);
      return buffer.subarray(0, piece.length);
    },
    discard: async () => {},
  };
}

function formOf(parts: readonly [string, Uint8Array][]): Buffer {
  return Buffer.concat([
    ...parts.flatMap(([head, bytes]) => [
      Buffer.from(`--bound\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
      bytes,
      Buffer.from('\r\n'),
    ]),
    Buffer.from('--bound--\r\n'),
  ]);
}

describe('forms', function () {
  this.timeout(60_000);

  /** Waits as a disk does, and looks at its bytes only then. */
  const slowly = async (bytes: AsyncIterable<Uint8Array>, waits: readonly number[]) => {
    const got: Buffer[] = [];
    for await (const piece of bytes) {
      for (let left = waits[got.length % waits.length] ?? 0; left > 0; left--) await turn();
      got.push(Buffer.from(piece));
    }
    return Buffer.concat(got);
  };

  it('give their file byte for byte, though each piece is lent only until the next one', async () => {
    const text = fc
      .array(
        fc.constantFrom('\r', '\n', '\r\n', '\r\n-', '\r\n--', '\r\n--boun', '--boun', 'x', 'yy'.repeat(500)),
      )
      .map((words) => Buffer.from(words.join('')));
    const file = fc.oneof(
      text,
      fc.integer({ min: 0, max: 600_000 }).map((size) => randomBytes(size)),
    );
    const sizes = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 50_000, max: 524_288 })),
      { minLength: 1, maxLength: 8 },
    );
    const waits = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(file, file, sizes, waits, async (bytes, other, sizes, waits) => {
        const form = formOf([
          ['name="one"', Buffer.from('1')],
          ['name="two"', Buffer.from('2'.repeat(4000))],
          ['name="file"; filename="x"', bytes],
          ['name="other"; filename="y"', other],
          ['name="three"', Buffer.from('3')],
        ]);
        // Tiny pieces of much would take long.
        const pieces = form.length / Math.max(...sizes) > 2000 ? [...sizes, 65_536] : sizes;
        const got = await readForm(bodyOf(form, pieces), most, async ({ fields, bytes }) => ({
          fields: { ...fields },
          bytes: await slowly(bytes, waits),
        }));
        expect(got.fields).to.deep.equal({ one: '1', two: '2'.repeat(4000) });
        expect(got.bytes.equals(bytes)).to.equal(true);
      }),
      { numRuns: 150 },
    );
  });

  it('end where they are no form, however much comes behind', async () => {
    for (const behind of [0, 10, 100_000, 2_000_000]) {
      const form = Buffer.concat([Buffer.from('--bound--\r\n'), Buffer.alloc(behind, 'x')]);
      const error = await readForm(bodyOf(form, [70_000]), most, async () => {}).catch((error) => error);
      expect(error).to.have.nested.property('refusal.code', 'invalid');
    }
  });

  it('break off where whoever takes the file does, with the same error, and ask for no more', async () => {
    const form = formOf([['name="file"; filename="x"', randomBytes(1_000_000)]]);
    let pieces = 0;
    const body = bodyOf(form, [100_000]);
    const counted: BodyStream = {
      ...body,
      read() {
        pieces++;
        return body.read();
      },
    };
    const error = await readForm(counted, most, async ({ bytes }) => {
      for await (const _ of bytes) throw new Error('no room');
    }).catch((error) => error);
    expect(error.message).to.equal('no room');
    expect(pieces).to.be.at.most(2);
  });

  it('are read to their end where whoever takes the file wants none of it', async () => {
    const form = formOf([['name="file"; filename="x"', randomBytes(1_000_000)]]);
    const got = await readForm(bodyOf(form, [100_000]), most, async () => 'nothing');
    expect(got).to.equal('nothing');
  });
});

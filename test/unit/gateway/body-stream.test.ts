import { randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { openBody } from '../../../gateway/http/body-stream.ts';
import type { Exchange } from '../../../gateway/http/exchange.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const most = 64 * 1024 * 1024;

const faults: unknown[] = [];

type Chunks = (chunk: ArrayBuffer, isLast: boolean) => void;

/** A request whose bytes come when the test says so, whether it rests or not. */
function aRequest() {
  let onData: Chunks = () => {};
  let timed = false;
  const exchange = {
    contentType: 'x/y',
    contentLength: 0,
    hasLength: false,
    rests: false,
    over: false,
    closes: false,
    res: {
      onData(listener: Chunks) {
        onData = listener;
      },
      // As uWebSockets does it: a pause also ends the time that it gives a client.
      pause() {
        timed = false;
      },
      resume() {},
    },
  } as unknown as Exchange;
  const body = openBody(exchange, most, new VirtualClock(), (error) => faults.push(error));
  return {
    exchange,
    body,
    /** Would uWebSockets close it after ten seconds without another chunk? */
    timed: () => timed,
    /** As uWebSockets does it: the buffer is somebody else's afterwards. */
    bring(bytes: Uint8Array, isLast = false) {
      const lent = new Uint8Array(bytes);
      timed = !isLast;
      onData(lent.buffer, isLast);
      lent.fill(0xee);
    },
  };
}

const spools = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('suhbat-body-');
    } catch {
      return false;
    }
  }).length;

describe('the body of an upload', function () {
  this.timeout(60_000);

  it('comes as it was sent, however its chunks and reads fall', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 600_000 }) },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 100 }) },
      { weight: 3, arbitrary: fc.constant('read' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { body, bring } = aRequest();
        const [sent, got]: [Buffer[], Buffer[]] = [[], []];
        let reading: Promise<void> | undefined;
        let lent: { piece: Uint8Array; copy: Buffer } | undefined;
        const read = async () => {
          const piece = await body.read();
          if (piece === undefined) return;
          lent = { piece, copy: Buffer.from(piece) };
          got.push(lent.copy);
          reading = undefined;
        };
        for (const step of steps) {
          if (step === 'read') {
            reading ??= read();
          } else {
            const bytes = randomBytes(step);
            sent.push(bytes);
            const held = reading === undefined ? lent : undefined;
            bring(bytes);
            // What came meanwhile has not touched what somebody still holds.
            if (held) expect(held.copy.equals(held.piece)).to.equal(true);
          }
          await Promise.resolve();
        }
        bring(new Uint8Array(0), true);
        await reading;
        for (let piece = await body.read(); piece !== undefined; piece = await body.read())
          got.push(Buffer.from(piece));
        expect(Buffer.concat(got).equals(Buffer.concat(sent))).to.equal(true);
      }),
      { numRuns: 100 },
    );
    expect(spools()).to.equal(0);
  });

  it('holds two buffers of memory, whatever comes though it rests', async () => {
    const { body, bring } = aRequest();
    const chunk = randomBytes(512 * 1024);
    for (let at = 0; at < 80; at++) bring(chunk);
    bring(chunk, true);
    const buffers = new Set<ArrayBufferLike>();
    let size = 0;
    for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
      expect(chunk.equals(piece)).to.equal(true);
      buffers.add(piece.buffer);
      size += piece.byteLength;
    }
    expect(size).to.equal(81 * chunk.length);
    expect([...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0)).to.equal(1024 * 1024);
  });

  it('leaves no file open where it is answered or breaks off before its end', async () => {
    const ends = [
      ({ exchange }: ReturnType<typeof aRequest>) => exchange.onOver?.(),
      ({ body }: ReturnType<typeof aRequest>) => void body.discard(),
    ];
    for (const end of ends) {
      const request = aRequest();
      for (let at = 0; at < 4; at++) request.bring(randomBytes(512 * 1024));
      expect(spools()).to.equal(1);
      const piece = await request.body.read();
      const copy = Buffer.from(piece ?? []);
      end(request);
      expect(spools()).to.equal(0);
      // Somebody may still be writing it away.
      expect(copy.equals(piece ?? new Uint8Array(0))).to.equal(true);
    }
  });

  it('is not cut off while it rests, though more came in the turn in which it was told to rest', async () => {
    const { bring, timed } = aRequest();
    for (let at = 0; at < 3; at++) {
      bring(randomBytes(512 * 1024));
      expect(timed()).to.equal(false);
    }
  });

  it('is refused where there is no room for its file, and the operator hears why', async () => {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = '/no/such/folder';
    try {
      const { body, bring } = aRequest();
      for (let at = 0; at < 4; at++) bring(randomBytes(512 * 1024), at === 3);
      const refused = await body.read().catch((error) => error.refusal);
      expect(refused).to.include({ code: 'unavailable', reason: 'media_unavailable' });
      expect(faults.splice(0).map((error) => (error as NodeJS.ErrnoException).code)).to.deep.equal([
        'ENOENT',
      ]);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });
});

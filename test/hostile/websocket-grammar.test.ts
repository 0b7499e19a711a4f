import { expect } from 'chai';
import { limits } from '../../schemas/limits.ts';
import { useAbused } from './support/abused.ts';
import { frameBytes, opcodes, openRawSocket, openWire, statusesOf, upgradeHead } from './support/wire.ts';

const { next, text, binary, close, ping, pong } = opcodes;

describe('WebSocket that is none', function () {
  this.timeout(90_000);
  const abused = useAbused();

  const request = JSON.stringify({ id: '1', type: 'ping' });

  it('of frames that RFC 6455 forbids ends the socket', async () => {
    const reserved = [1, 2, 3, 4, 5, 6, 7].map((bits) =>
      frameBytes({ opcode: text, payload: request, reserved: bits }),
    );
    const unknown = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => frameBytes({ opcode, payload: 'x' }));
    const cases: Record<string, Buffer[]> = {
      'a frame that goes on with nothing': [frameBytes({ opcode: next, payload: 'x' })],
      'a text within a text': [
        frameBytes({ opcode: text, payload: '{', fin: false }),
        frameBytes({ opcode: text, payload: '}' }),
      ],
      'a ping in fragments': [frameBytes({ opcode: ping, payload: 'x', fin: false })],
      'a ping of 126 bytes': [frameBytes({ opcode: ping, payload: 'x'.repeat(126) })],
      'a pong of 70,000 bytes': [frameBytes({ opcode: pong, payload: 'x'.repeat(70_000) })],
      'a close of 126 bytes': [frameBytes({ opcode: close, payload: 'x'.repeat(126) })],
      'a text of 2^63 bytes': [frameBytes({ opcode: text, length: 2n ** 63n })],
      'a text of 2^64 - 1 bytes': [frameBytes({ opcode: text, length: 2n ** 64n - 1n })],
      'a text of 1 GiB': [frameBytes({ opcode: text, length: 2n ** 30n })],
      'a text over the hard limit': [frameBytes({ opcode: text, payload: 'x'.repeat(limits.frameHard + 1) })],
      'a text over the limit': [frameBytes({ opcode: text, payload: 'x'.repeat(limits.frame + 1) })],
      'a text over the hard limit, in fragments': fragments('x'.repeat(limits.frameHard + 1), 1000),
      'a text over the limit, in fragments': fragments('x'.repeat(limits.frame + 1), 1000),
      'a binary frame': [frameBytes({ opcode: binary, payload: request })],
      'a binary frame in fragments': [
        frameBytes({ opcode: binary, payload: '{', fin: false }),
        frameBytes({ opcode: next, payload: '}' }),
      ],
      'a text that is no UTF-8': [
        frameBytes({ opcode: text, payload: Buffer.from([0x22, 0xc3, 0x28, 0x22]) }),
      ],
      'half a character at the end': [frameBytes({ opcode: text, payload: Buffer.from([0x22, 0xe2, 0x82]) })],
      'a lone surrogate in UTF-8': [
        frameBytes({ opcode: text, payload: Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]) }),
      ],
    };
    for (const [at, bytes] of reserved.entries()) cases[`reserved bits ${at + 1}`] = [bytes];
    for (const [at, bytes] of unknown.entries()) cases[`unknown opcode ${at}`] = [bytes];
    await abused.abuse(async () => {
      for (const [what, frames] of Object.entries(cases)) {
        const socket = await openRawSocket(abused.target);
        const before = socket.text().length;
        socket.send(...frames, frameBytes({ opcode: text, payload: request }));
        const all = await socket.gone();
        expect(all.slice(before), what).to.not.include('"re":"1"');
      }
    });
  });

  it('of frames without a mask never reads them as requests of their content', async () => {
    await abused.abuse(async () => {
      for (let times = 0; times < 20; times++) {
        const socket = await openRawSocket(abused.target);
        socket.send(frameBytes({ opcode: text, payload: request, masked: false }), Buffer.alloc(100));
        await socket.gone();
        expect(socket.text()).to.not.include('"re":"1"');
      }
    });
  });

  it('of garbage in close frames ends, each with one answer at most', async () => {
    const payloads = [
      ...[
        Buffer.alloc(0),
        Buffer.from([3]),
        Buffer.from([0, 0]),
        Buffer.from([0x03, 0xed]),
        Buffer.from([0xff, 0xff]),
      ],
      ...[
        Buffer.from([0x03, 0xe8, 0xff, 0xfe]),
        Buffer.from([0x0f, 0xa1]),
        Buffer.from([0x03, 0xe8, ...Buffer.from('x'.repeat(123))]),
      ],
    ];
    await abused.abuse(async () => {
      for (const payload of payloads) {
        const socket = await openRawSocket(abused.target, abused.user.token);
        const before = socket.bytes().length;
        socket.send(frameBytes({ opcode: close, payload }), frameBytes({ opcode: close, payload }));
        socket.send(frameBytes({ opcode: text, payload: request }));
        await socket.gone();
        expect(socket.text().slice(before)).to.not.include('"re":"1"');
      }
    });
  });

  it('of heads that promise no proper WebSocket is refused, or answered as plain HTTP', async () => {
    const heads: Record<string, Record<string, string | undefined>> = {
      'no key': { 'Sec-WebSocket-Key': undefined },
      'an empty key': { 'Sec-WebSocket-Key': '' },
      'a short key': { 'Sec-WebSocket-Key': 'abc' },
      'a long key': { 'Sec-WebSocket-Key': 'x'.repeat(1000) },
      'a key that is no base64': { 'Sec-WebSocket-Key': '!'.repeat(24) },
      'another upgrade': { Upgrade: 'h2c' },
      'no upgrade': { Upgrade: undefined },
      'an old version': { 'Sec-WebSocket-Version': '8' },
      'no version': { 'Sec-WebSocket-Version': undefined },
      'many subprotocols': { 'Sec-WebSocket-Protocol': 'a,'.repeat(500) },
      'many extensions': {
        'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits, '.repeat(40),
      },
      'a foreign origin': { Origin: 'https://evil.example' },
      'a bad token': { Authorization: 'Bearer nonsense' },
    };
    await abused.abuse(async () => {
      for (const [what, changes] of Object.entries(heads)) {
        const wire = openWire(abused.target, upgradeHead('/ws', changes));
        const all = await wire.until(
          'an answer or the end',
          (got) => wire.closed() || got.includes('\r\n\r\n'),
        );
        expect(
          statusesOf(all).filter((status) => status >= 500),
          what,
        ).to.deep.equal([]);
        wire.abort();
      }
      for (const path of [
        '/ws/',
        '/ws/..',
        '//ws',
        '/live',
        '/me',
        '/WS',
        `/ws?token=${abused.user.token}&access_token=${abused.user.token}`,
      ]) {
        const wire = openWire(abused.target, upgradeHead(path));
        const all = await wire.until(
          'an answer or the end',
          (got) => wire.closed() || got.includes('\r\n\r\n'),
        );
        expect(all).to.not.include('"type":"ready"');
        wire.abort();
      }
      // Frames sent along with a refused upgrade are no frames, and no requests.
      const refused = openWire(
        abused.target,
        upgradeHead('/ws', { Origin: 'https://evil.example' }),
        frameBytes({ opcode: text, payload: request }),
      );
      const all = await refused.until('the refusal', (got) => got.includes('\r\n\r\n'));
      expect(statusesOf(all)[0]).to.be.greaterThanOrEqual(400);
      refused.abort();
    });
  });

  it('of breaking off at any moment of an upgrade leaves no connection', async () => {
    const whole = Buffer.concat([
      Buffer.from(upgradeHead('/ws', { Authorization: `Bearer ${abused.user.token}` })),
      frameBytes({ opcode: text, payload: JSON.stringify({ id: '1', type: 'sync' }) }),
    ]);
    await abused.abuse(async () => {
      for (let length = 0; length <= whole.length; length += 3) {
        const wire = openWire(abused.target, whole.subarray(0, length));
        wire.socket.once('connect', () => setImmediate(wire.abort));
      }
      const opened = Array.from({ length: 60 }, () => openWire(abused.target, whole));
      for (const [at, wire] of opened.entries())
        void wire.until('some of it', (all) => all.length > at * 4).then(wire.abort, wire.abort);
      await Promise.all(opened.map((wire) => wire.gone()));
    });
  });
});

/** A text in fragments of this size. */
function fragments(content: string, size: number): Buffer[] {
  const parts = content.match(new RegExp(`.{1,${size}}`, 'g')) ?? [];
  return parts.map((payload, at) =>
    frameBytes({ opcode: at === 0 ? text : next, payload, fin: at === parts.length - 1 }),
  );
}

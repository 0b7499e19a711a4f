import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { newId } from '../../schemas/ids.ts';
import { limits } from '../../schemas/limits.ts';
import { eventually } from '../support/eventually.ts';
import { amongCitizens } from './support/citizens.ts';
import { type Line, openLine } from './support/line.ts';
import { newUser, type User } from './support/people.ts';
import { type Baseline, baselineOf, expectRecovered, startTarget, type Target } from './support/target.ts';
import {
  frameBytes,
  opcodes,
  openRawSocket,
  openWire,
  statusesOf,
  upgradeHead,
  type Wire,
} from './support/wire.ts';

const { next, text, binary, close, ping, pong } = opcodes;

/** Byte by byte, as `http-abuse.test.ts`: nobody else feels it, and nothing of it is left. */
describe('WebSocket abuse', function () {
  this.timeout(90_000);
  let target: Target;
  let user: User;
  let baseline: Baseline;

  before(async () => {
    // Near the limits that a program has by itself: they are part of how it bears a flood.
    target = await startTarget({
      SUHBAT_RATE_LIMIT_FACTOR: '1',
      SUHBAT_LIMIT_AUTH_PER_IP: '1000',
      SUHBAT_LIMIT_FRAMES: '200',
      SUHBAT_LIMIT_MESSAGES: '200',
      SUHBAT_LIMIT_SOCKETS_PER_IP: '1000',
      SUHBAT_MAX_BACKPRESSURE: String(64 * 1024),
    });
    user = await newUser(target);
    await amongCitizens(target, async () => {});
    await eventually(async () => (await target.metric('suhbat_connections')) === 0);
    baseline = await baselineOf(target);
  });
  after(() => target?.end());

  async function abuse(run: () => Promise<void>): Promise<void> {
    await amongCitizens(target, run);
    await expectRecovered(target, baseline);
  }

  const request = JSON.stringify({ id: '1', type: 'ping' });
  const pinged = (socket: Wire) => socket.until('the reply', (all) => all.includes('{"re":"1","type":"ok"}'));

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
    await abuse(async () => {
      for (const [what, frames] of Object.entries(cases)) {
        const socket = await openRawSocket(target);
        const before = socket.text().length;
        socket.send(...frames, frameBytes({ opcode: text, payload: request }));
        const all = await socket.gone();
        expect(all.slice(before), what).to.not.include('"re":"1"');
      }
    });
  });

  it('of frames without a mask never reads them as requests of their content', async () => {
    await abuse(async () => {
      for (let times = 0; times < 20; times++) {
        const socket = await openRawSocket(target);
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
    await abuse(async () => {
      for (const payload of payloads) {
        const socket = await openRawSocket(target, user.token);
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
    await abuse(async () => {
      for (const [what, changes] of Object.entries(heads)) {
        const wire = openWire(target, upgradeHead('/ws', changes));
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
        `/ws?token=${user.token}&access_token=${user.token}`,
      ]) {
        const wire = openWire(target, upgradeHead(path));
        const all = await wire.until(
          'an answer or the end',
          (got) => wire.closed() || got.includes('\r\n\r\n'),
        );
        expect(all).to.not.include('"type":"ready"');
        wire.abort();
      }
      // Frames sent along with a refused upgrade are no frames, and no requests.
      const refused = openWire(
        target,
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
      Buffer.from(upgradeHead('/ws', { Authorization: `Bearer ${user.token}` })),
      frameBytes({ opcode: text, payload: JSON.stringify({ id: '1', type: 'sync' }) }),
    ]);
    await abuse(async () => {
      for (let length = 0; length <= whole.length; length += 3) {
        const wire = openWire(target, whole.subarray(0, length));
        wire.socket.once('connect', () => setImmediate(wire.abort));
      }
      const opened = Array.from({ length: 60 }, () => openWire(target, whole));
      for (const [at, wire] of opened.entries())
        void wire.until('some of it', (all) => all.length > at * 4).then(wire.abort, wire.abort);
      await Promise.all(opened.map((wire) => wire.gone()));
    });
  });

  it('of floods of pings, of fragments and of empty frames is borne', async () => {
    await abuse(async () => {
      const pings = await openRawSocket(target);
      pings.send(
        ...Array.from({ length: 20_000 }, () => frameBytes({ opcode: ping, payload: 'x'.repeat(125) })),
      );
      pings.send(frameBytes({ opcode: text, payload: request }));
      await pinged(pings);
      const pongs = await openRawSocket(target);
      pongs.send(...Array.from({ length: 20_000 }, () => frameBytes({ opcode: pong })));
      pongs.send(frameBytes({ opcode: text, payload: request }));
      await pinged(pongs);
      // A request in single bytes, with pings between and empty fragments without end.
      const bits = await openRawSocket(target);
      bits.send(frameBytes({ opcode: text, fin: false }));
      for (const letter of request) {
        const empty = Array.from({ length: 500 }, () => frameBytes({ opcode: next, fin: false }));
        bits.send(
          ...empty,
          frameBytes({ opcode: ping }),
          frameBytes({ opcode: next, payload: letter, fin: false }),
        );
      }
      bits.send(frameBytes({ opcode: next }));
      await pinged(bits);
      for (const socket of [pings, pongs, bits]) socket.abort();
    });
  });

  it('of floods of requests is over with 4009 after some thousand of them, answered or not', async () => {
    await abuse(async () => {
      for (const payload of [request, JSON.stringify({ id: 'x', type: 'nonsense' })]) {
        const socket = await openRawSocket(target);
        const flood = Buffer.concat(
          Array.from({ length: 20_000 }, () => frameBytes({ opcode: text, payload })),
        );
        socket.send(flood);
        await socket.gone();
        const answers = socket.text().match(/"re":/g)?.length ?? 0;
        expect(answers).to.be.lessThan(5000);
        expect(closeCodeOf(socket)).to.equal(4009);
      }
    });
  });

  it('of one who asks and pings without end and never reads ends, and frees what waited for him', async () => {
    const slow = await target.metric('suhbat_slow_clients_closed_total');
    await abuse(async () => {
      for (const bytes of [
        frameBytes({ opcode: ping, payload: 'x'.repeat(125) }),
        frameBytes({ opcode: text, payload: JSON.stringify({ id: 'x'.repeat(64), type: 'nonsense' }) }),
      ]) {
        const socket = await openRawSocket(target);
        socket.socket.pause();
        const many = Buffer.concat(Array.from({ length: 2000 }, () => bytes));
        for (let sent = 0; sent < 500 && !socket.closed(); sent++) {
          socket.send(many);
          await socket.sent();
        }
        socket.socket.resume();
        await socket.gone();
      }
    });
    expect(await target.metric('suhbat_slow_clients_closed_total')).to.be.greaterThan(slow);
  });

  it('of members who never read, while their group talks, ends them and nobody else', async () => {
    const slow = await target.metric('suhbat_slow_clients_closed_total');
    const members = [user, await newUser(target), await newUser(target)] as const;
    const [owner, reader, deaf] = members;
    await abuse(async () => {
      const line = await openLine(target, { token: owner.token });
      const listening = await openLine(target, { token: reader.token });
      const made = await line.ask('chat.create', {
        chat_type: 'group',
        title: 'loud',
        member_ids: [reader.id, deaf.id],
      });
      const { id: chat_id } = made.chat as { id: string };
      const sockets = await Promise.all([1, 2, 3].map(() => openRawSocket(target, deaf.token)));
      for (const { socket } of sockets) socket.pause();
      const loud = '😀'.repeat(limits.messageText);
      let seq = 0;
      const ended = async () =>
        (await target.metric('suhbat_slow_clients_closed_total')) >= slow + sockets.length;
      for (let sent = 0; sent < 1500 && !(await ended()); sent += 10)
        for (let at = 0; at < 10; at++) seq = await say(line, chat_id, loud);
      expect(await ended()).to.equal(true);
      await listening.frame('the last message', (frame) => frame.type === 'message.new' && frame.seq === seq);
      const seqs = listening.frames.flatMap((frame) => (frame.type === 'message.new' ? [frame.seq] : []));
      expect(seqs).to.deep.equal(Array.from(seqs, (_, at) => seq - seqs.length + 1 + at));
      for (const socket of sockets) socket.abort();
      line.close();
      listening.close();
    });
  });

  it('of sockets that nobody authenticates is over after ten seconds', async () => {
    await abuse(async () => {
      const silent = await Promise.all(Array.from({ length: 100 }, () => openRawSocket(target)));
      // Neither pings nor requests that need no user keep it open.
      const busy = setInterval(() => {
        for (const socket of silent.slice(0, 50))
          socket.send(frameBytes({ opcode: ping }), frameBytes({ opcode: text, payload: request }));
      }, 500);
      try {
        await Promise.all(silent.map((socket) => socket.gone(40_000)));
      } finally {
        clearInterval(busy);
      }
      for (const socket of silent) expect(closeCodeOf(socket)).to.equal(4001);
    });
  });
});

/** Sends a message to the chat, as fast as the limits let it; its seq. */
async function say(line: Line, chat_id: string, words: string): Promise<number> {
  for (;;) {
    const fields = { chat_id, client_id: newId(), kind: 'text', text: words };
    const reply = await line.ask('message.send', fields);
    if (reply.type === 'ok') return reply.seq as number;
    expect(reply, JSON.stringify(reply)).to.include({ code: 'rate_limited' });
    await pause(reply.retry_after_ms as number);
  }
}

/** A text in fragments of this size. */
function fragments(content: string, size: number): Buffer[] {
  const parts = content.match(new RegExp(`.{1,${size}}`, 'g')) ?? [];
  return parts.map((payload, at) =>
    frameBytes({ opcode: at === 0 ? text : next, payload, fin: at === parts.length - 1 }),
  );
}

/** The code of the close frame at the end of what came. */
function closeCodeOf(socket: Wire): number | undefined {
  const bytes = socket.bytes();
  const at = bytes.lastIndexOf(0x88);
  return at < 0 ? undefined : bytes.readUInt16BE(at + 2);
}

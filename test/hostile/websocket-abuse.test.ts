import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { newId } from '../../schemas/ids.ts';
import { limits } from '../../schemas/limits.ts';
import { useAbused } from './support/abused.ts';
import { type Line, openLine } from './support/line.ts';
import { newUser } from './support/people.ts';
import { frameBytes, opcodes, openRawSocket, type Wire } from './support/wire.ts';

const { next, text, ping, pong } = opcodes;

describe('WebSocket abuse', function () {
  this.timeout(90_000);
  // Near the limits that a program has by itself: they are part of how it bears a flood.
  const abused = useAbused({
    SUHBAT_RATE_LIMIT_FACTOR: '1',
    SUHBAT_LIMIT_AUTH_PER_IP: '1000',
    SUHBAT_LIMIT_FRAMES: '200',
    SUHBAT_LIMIT_MESSAGES: '200',
    SUHBAT_LIMIT_SOCKETS_PER_IP: '1000',
    SUHBAT_MAX_BACKPRESSURE: String(64 * 1024),
  });

  const request = JSON.stringify({ id: '1', type: 'ping' });
  const pinged = (socket: Wire) => socket.until('the reply', (all) => all.includes('{"re":"1","type":"ok"}'));

  it('of floods of pings, of fragments and of empty frames is borne', async () => {
    await abused.abuse(async () => {
      const pings = await openRawSocket(abused.target);
      pings.send(
        ...Array.from({ length: 20_000 }, () => frameBytes({ opcode: ping, payload: 'x'.repeat(125) })),
      );
      pings.send(frameBytes({ opcode: text, payload: request }));
      await pinged(pings);
      const pongs = await openRawSocket(abused.target);
      pongs.send(...Array.from({ length: 20_000 }, () => frameBytes({ opcode: pong })));
      pongs.send(frameBytes({ opcode: text, payload: request }));
      await pinged(pongs);
      // A request in single bytes, with pings between and empty fragments without end.
      const bits = await openRawSocket(abused.target);
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
    await abused.abuse(async () => {
      for (const payload of [request, JSON.stringify({ id: 'x', type: 'nonsense' })]) {
        const socket = await openRawSocket(abused.target);
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
    const slow = await abused.target.metric('suhbat_slow_clients_closed_total');
    await abused.abuse(async () => {
      for (const bytes of [
        frameBytes({ opcode: ping, payload: 'x'.repeat(125) }),
        frameBytes({ opcode: text, payload: JSON.stringify({ id: 'x'.repeat(64), type: 'nonsense' }) }),
      ]) {
        const socket = await openRawSocket(abused.target);
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
    expect(await abused.target.metric('suhbat_slow_clients_closed_total')).to.be.greaterThan(slow);
  });

  it('of members who never read, while their group talks, ends them and nobody else', async () => {
    const slow = await abused.target.metric('suhbat_slow_clients_closed_total');
    const members = [abused.user, await newUser(abused.target), await newUser(abused.target)] as const;
    const [owner, reader, deaf] = members;
    await abused.abuse(async () => {
      const line = await openLine(abused.target, { token: owner.token });
      const listening = await openLine(abused.target, { token: reader.token });
      const made = await line.ask('chat.create', {
        chat_type: 'group',
        title: 'loud',
        member_ids: [reader.id, deaf.id],
      });
      const { id: chat_id } = made.chat as { id: string };
      const sockets = await Promise.all([1, 2, 3].map(() => openRawSocket(abused.target, deaf.token)));
      for (const { socket } of sockets) socket.pause();
      const loud = '😀'.repeat(limits.messageText);
      let seq = 0;
      const ended = async () =>
        (await abused.target.metric('suhbat_slow_clients_closed_total')) >= slow + sockets.length;
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
    await abused.abuse(async () => {
      const silent = await Promise.all(Array.from({ length: 100 }, () => openRawSocket(abused.target)));
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

/** The code of the close frame at the end of what came. */
function closeCodeOf(socket: Wire): number | undefined {
  const bytes = socket.bytes();
  const at = bytes.lastIndexOf(0x88);
  return at < 0 ? undefined : bytes.readUInt16BE(at + 2);
}

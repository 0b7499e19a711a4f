import { expect } from 'chai';
import { dialects } from '../../../bench/driver/dialect.ts';
import { clientFrame, FrameReader } from '../../../bench/driver/frames.ts';

/** A frame as a server sends it: not masked. */
function serverFrame(payload: Buffer, opcode = 0x1): Buffer {
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | opcode, length]), payload]);
  const head = Buffer.alloc(length < 0x10000 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 0x10000 ? 126 : 127;
  if (length < 0x10000) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

describe('the load driver of the bench', () => {
  // What is not whole yet is copied with each piece: the smallest pieces are of smaller frames.
  for (const [pieces, largest] of [
    [1, 1000],
    [7, 40_000],
    [1000, 70_000],
    [1_000_000, 70_000],
  ] as const)
    it(`reads every frame whole and in order, in pieces of ${pieces} bytes`, () => {
      const heard: string[] = [];
      const reader = new FrameReader({
        onText: (bytes, from, to) => heard.push(bytes.toString('utf8', from, to)),
        onPing: (payload) => heard.push(`ping ${payload}`),
        onClose: (code) => heard.push(`close ${code}`),
      });
      const texts = [5, 125, 126, largest].map((length) => 'x'.repeat(length));
      const sent = Buffer.concat([
        ...texts.map((text) => serverFrame(Buffer.from(text))),
        serverFrame(Buffer.from('hm'), 0x9),
        serverFrame(Buffer.from([0x0f, 0xa8]), 0x8),
      ]);
      for (let at = 0; at < sent.length; at += pieces) reader.read(sent.subarray(at, at + pieces));
      expect(heard).to.deep.equal([...texts, 'ping hm', 'close 4008']);
    });

  it('writes frames that say how long they are, with a mask that changes nothing', () => {
    const short = clientFrame('hey');
    expect([...short]).to.deep.equal([0x81, 0x83, 0, 0, 0, 0, ...Buffer.from('hey')]);
    const long = clientFrame('y'.repeat(300));
    expect(long.readUInt16BE(2)).to.equal(300);
    expect(long.subarray(8).toString()).to.equal('y'.repeat(300));
    expect(() => clientFrame('z'.repeat(70_000))).to.throw(RangeError);
  });

  const cases = [
    ['suhbat', '{"re":"12","type":"ok","chat_id":"c","seq":3}', { is: 'ack', id: 12 }],
    ['suhbat', '{"re":"7","type":"error","code":"forbidden"}', { is: 'refusal', id: 7 }],
    ['suhbat', '{"type":"message.new","chat_id":"c"}', { is: 'delivery' }],
    ['suhbat', '{"type":"message.changed","chat_id":"c"}', { is: 'other' }],
    ['suhbat', '{"type":"ready","user_id":"u"}', { is: 'ready' }],
    ['suhbat', '{"type":"resync"}', { is: 'other' }],
    ['suhbat', '{"re":"s","type":"ok","chats":[]}', { is: 'synced' }],
    ['socket.io', '0{"sid":"x"}', { is: 'call', answer: '40' }],
    ['socket.io', '2', { is: 'call', answer: '3' }],
    ['socket.io', '40{"sid":"x"}', { is: 'ready' }],
    ['socket.io', '4312[{"seq":1}]', { is: 'ack', id: 12 }],
    ['socket.io', '42["message.new",{}]', { is: 'delivery' }],
  ] as const;
  for (const [dialect, frame, heard] of cases)
    it(`hears ${frame} of ${dialect} as what it is`, () => {
      // Somewhere in a greater buffer, as it comes.
      const bytes = Buffer.from(`??${frame}??`);
      expect(dialects[dialect].hear(bytes, 2, bytes.length - 2)).to.deep.equal(heard);
    });
});

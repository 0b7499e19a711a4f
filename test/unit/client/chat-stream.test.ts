import { expect } from 'chai';
import fc from 'fast-check';
import type { Message } from 'suhbat/client';
import { createChatStream, type Durable } from '../../../gateway/client/chat-stream.ts';
import { message } from './scene.ts';

const created = (seq: number): Durable => ({ type: 'message', message: message(seq) });
const changed = (seq: number, at: number): Durable => ({ type: 'changed', message: message(seq, at) });

function streamFrom(held: number) {
  const told: string[] = [];
  const stream = createChatStream(held, ({ type, message: { seq, changed_seq } }) =>
    told.push(type === 'message' ? `${seq}` : `${seq}@${changed_seq}`),
  );
  return { stream, told };
}

describe("a chat's stream in the SDK", () => {
  it('passes on what follows, and drops repeats', () => {
    const { stream, told } = streamFrom(3);
    for (const event of [created(4), created(4), created(2), changed(4, 5), changed(4, 5), created(6)])
      stream.arrived(event);
    expect(told).to.deep.equal(['4', '4@5', '6']);
    expect(stream.held).to.equal(6);
    expect(stream.gap).to.equal(false);
  });

  it('keeps what came too early until what it follows is there', () => {
    const { stream, told } = streamFrom(0);
    for (const seq of [3, 2]) stream.arrived(created(seq));
    expect(told).to.deep.equal([]);
    expect(stream.gap).to.equal(true);
    stream.arrived(created(1));
    expect(told).to.deep.equal(['1', '2', '3']);
    expect(stream.gap).to.equal(false);
  });

  it('puts repaired messages in their place, however late their newest change', () => {
    const { stream, told } = streamFrom(2);
    stream.arrived(created(9));
    // As `history {after: 2}` gives them: by changed_seq. 5 was a change that was changed again.
    stream.repaired([message(4), message(6), message(3, 8), message(1, 7)], 8);
    expect(told).to.deep.equal(['3', '4', '6', '1@7', '9']);
    expect(stream.held).to.equal(9);
  });

  it('knows that it is behind even when it could not keep the early ones', () => {
    const told: Durable[] = [];
    const stream = createChatStream(0, (event) => told.push(event), 2);
    for (const seq of [3, 4, 5, 6]) stream.arrived(created(seq));
    stream.repaired(
      [1, 2].map((seq) => message(seq)),
      2,
    );
    expect(told).to.have.length(4);
    expect(stream.gap).to.equal(true);
    stream.repaired(
      [5, 6].map((seq) => message(seq)),
      6,
    );
    expect(told.map((event) => event.message.seq)).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(stream.gap).to.equal(false);
  });

  it('begins anew after a reset, also from within a listener', () => {
    const told: number[] = [];
    const stream = createChatStream(0, ({ message: { seq } }) => {
      told.push(seq);
      if (seq === 2) stream.reset(10);
    });
    stream.repaired(
      [1, 2, 3].map((seq) => message(seq)),
      3,
    );
    expect(stream.held).to.equal(10);
    stream.arrived(created(11));
    expect(told).to.deep.equal([1, 2, 11]);
  });

  it('delivers every message once and in order, whatever is lost, repeated or reordered', () => {
    // A chat's life: true makes a message, false changes an earlier one.
    const life = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });
    const property = fc.property(life, fc.infiniteStream(fc.nat(99)), (steps, dice) => {
      const draw = (below: number) => (dice.next().value as number) % below;
      const now = new Map<number, Message>();
      const frames: Durable[] = [];
      const delivered: Durable[] = [];
      const stream = createChatStream(0, (event) => delivered.push(event));
      let head = 0;
      const repair = () => {
        const past = [...now.values()].filter((one) => one.changed_seq > stream.held);
        stream.repaired(past, head);
      };
      for (const creates of steps) {
        head++;
        const seqs = [...now.keys()];
        const target = creates || seqs.length === 0 ? head : (seqs[draw(seqs.length)] as number);
        const state = message(target, head);
        now.set(target, state);
        frames.splice(draw(frames.length + 1), 0, {
          type: target === head ? 'message' : 'changed',
          message: state,
        });
        // Any frame, in any order, perhaps again; and a repair at any time.
        const fate = draw(5);
        const [frame] = frames.splice(draw(frames.length), fate === 0 ? 0 : 1);
        if (frame !== undefined && fate !== 1) stream.arrived(frame);
        if (fate === 2 || (stream.gap && fate === 3)) repair();
      }
      repair();
      const created = delivered.filter(({ type }) => type === 'message').map((event) => event.message.seq);
      expect(created).to.deep.equal([...now.keys()].sort((a, b) => a - b));
      const newest = new Map<number, Message>();
      for (const { message } of delivered) {
        expect(message.changed_seq).to.be.above(newest.get(message.seq)?.changed_seq ?? 0);
        newest.set(message.seq, message);
      }
      expect(newest).to.deep.equal(now);
      expect(stream.held).to.equal(head);
    });
    fc.assert(property, { numRuns: 2000 });
  });
});

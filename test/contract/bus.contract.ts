import { expect } from 'chai';
import type { Bus, Envelope, Heard } from '../../ops/bus/bus.ts';
import { newId } from '../../schemas/ids.ts';
import { eventually } from '../support/eventually.ts';

export interface BusHarness {
  /** Where one process publishes, and another one listens; the same bus where there is but one process. */
  here: Bus;
  there: Bus;
  dispose(): Promise<void>;
}

/** An envelope with its frame as text, whatever it came as. */
function textOf({ frame, ...head }: Heard): Envelope {
  return { ...head, frame: frame.toString() };
}

/** What every adapter of the bus port keeps. */
export function busContract(name: string, make: () => Promise<BusHarness>): void {
  describe(`bus contract: ${name}`, () => {
    let harness: BusHarness;
    let here: Bus;
    let there: Bus;

    beforeEach(async () => {
      harness = await make();
      ({ here, there } = harness);
    });
    afterEach(() => harness.dispose());

    /** Subscribes, and collects the frames. */
    function listen(bus: Bus, subject: string): { frames: string[]; end: () => void } {
      const frames: string[] = [];
      return { frames, end: bus.subscribe(subject, ({ frame }) => frames.push(frame.toString())) };
    }

    /** What was published before has come, where it comes at all. */
    async function passed(from: Bus, to: Bus): Promise<void> {
      const subject = `passed.${newId()}`;
      const { frames, end } = listen(to, subject);
      await to.settled();
      from.publish(subject, { frame: 'passed' });
      await eventually(() => frames.length === 1);
      end();
    }

    const texts = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `${from + n}`);

    it('brings an envelope as it was published, whatever stands in it', async () => {
      const chat = newId();
      const envelopes: Envelope[] = [
        { frame: '{"type":"message.new"}', chat: { id: chat, seq: 7, member_seq: 3 } },
        { frame: '{"type":"read"}', chat: { id: chat, member_seq: 3 } },
        { frame: 'x', chat: { id: chat, seq: 8, member_seq: 8, removed: [newId(), newId()] } },
        { frame: 'x', chat: { id: chat, member_seq: 0 }, droppable: true },
        { frame: 'x', chat: { id: 'a chat\nwith any name', seq: 1, member_seq: 1 } },
        { frame: 'x', droppable: false },
        { frame: '{"type":"chat.new"}', chat: { id: chat, member_seq: 9 }, attach: chat },
        { frame: '', note: { user_id: 'ann', login_ids: ['a\nb', 'c'], deep: [1, null, { ў: '😀' }] } },
        { frame: '', chat: { id: chat, seq: 9, member_seq: 9, head_age_ms: 2000.5 } },
        { frame: '' },
      ];
      const heard: Envelope[] = [];
      there.subscribe('user.ann', (envelope) => heard.push(textOf(envelope)));
      await there.settled();
      for (const envelope of envelopes) here.publish('user.ann', envelope);
      await eventually(() => heard.length === envelopes.length);
      expect(heard).to.deep.equal(envelopes);
    });

    it('has brought, once it is settled, what was published before', async () => {
      const { frames } = listen(there, 'chat.1');
      await there.settled();
      for (const frame of texts(100)) here.publish('chat.1', { frame });
      await here.settled();
      // The listener's own round trip brings what is on its way to it.
      await there.settled();
      expect(frames).to.deep.equal(texts(100));
    });

    it('keeps every character of a frame', async () => {
      const frames = [
        'o‘zbek: ўқғҳ, 中文, العربية, 😀👩‍👩‍👧, \u2028\u2029\u0000\u0001\u007f\u0085\uffff',
        'a\nb\r\nc\n\n',
        '\r\nPUB other 3\r\nbad\r\n',
        `${'ў'.repeat(333)}😀`,
        String.fromCodePoint(...Array.from({ length: 2048 }, (_, n) => n)),
      ];
      const { frames: heard } = listen(there, 'chat.1');
      await there.settled();
      for (const frame of frames) here.publish('chat.1', { frame });
      await eventually(() => heard.length === frames.length);
      expect(heard).to.deep.equal(frames);
    });

    it('brings frames of 64 KiB, many at once, whole', async () => {
      const frames = texts(64).map((text) => text.padEnd(64 * 1024, 'ў'));
      const { frames: heard } = listen(there, 'chat.1');
      await there.settled();
      for (const frame of frames) here.publish('chat.1', { frame });
      await eventually(() => heard.length === frames.length);
      expect(heard.every((frame, n) => frame === frames[n])).to.equal(true);
    });

    it('keeps the order of one publisher on one subject', async () => {
      const [a, b] = [listen(there, 'chat.a'), listen(there, 'chat.b')];
      await there.settled();
      for (const frame of texts(2000)) {
        here.publish('chat.a', { frame });
        here.publish('chat.b', { frame });
      }
      await eventually(() => a.frames.length === 2000 && b.frames.length === 2000);
      expect(a.frames).to.deep.equal(texts(2000));
      expect(b.frames).to.deep.equal(texts(2000));
    });

    it('brings to the publisher, too, what he and others publish: once, and in the order of each', async () => {
      const [own, other] = [listen(here, 'chat.a'), listen(there, 'chat.a')];
      await Promise.all([here.settled(), there.settled()]);
      for (const frame of texts(500)) here.publish('chat.a', { frame });
      for (const frame of texts(500, 500)) there.publish('chat.a', { frame });
      await eventually(() => own.frames.length >= 1000 && other.frames.length >= 1000);
      await Promise.all([passed(here, here), passed(there, here), passed(here, there)]);
      for (const { frames } of [own, other]) {
        expect(frames).to.have.length(1000);
        expect(frames.filter((text) => Number(text) < 500)).to.deep.equal(texts(500));
        expect(frames.filter((text) => Number(text) >= 500)).to.deep.equal(texts(500, 500));
      }
    });

    it('holds every subscription once `settled` resolves', async () => {
      for (let round = 0; round < 20; round++) {
        const { frames, end } = listen(there, `chat.${round}`);
        await there.settled();
        here.publish(`chat.${round}`, { frame: 'at once' });
        await eventually(() => frames.length === 1);
        end();
      }
    });

    it('holds many subjects at once, each for itself', async () => {
      const count = 10_000;
      const heard: number[] = new Array(count).fill(0);
      const ends = heard.map((_, n) =>
        there.subscribe(`chat.${n}`, ({ frame }) => {
          heard[n] = (heard[n] ?? 0) + (frame.toString() === `to ${n}` ? 1 : 1000);
        }),
      );
      await there.settled();
      for (let n = 0; n < count; n++) here.publish(`chat.${n}`, { frame: `to ${n}` });
      await eventually(() => heard.every((times) => times === 1));
      for (const end of ends) end();
      for (let n = 0; n < count; n++) here.publish(`chat.${n}`, { frame: `to ${n}` });
      await passed(here, there);
      expect(heard.every((times) => times === 1)).to.equal(true);
    });

    it('brings it to each of several subscribers of a subject, until each ends it', async () => {
      const [one, two] = [listen(there, 'chat.a'), listen(there, 'chat.a')];
      await there.settled();
      here.publish('chat.a', { frame: '1' });
      await eventually(() => two.frames.length === 1);
      one.end();
      one.end();
      here.publish('chat.a', { frame: '2' });
      await eventually(() => two.frames.length === 2);
      two.end();
      here.publish('chat.a', { frame: '3' });
      await passed(here, there);
      expect([one.frames, two.frames]).to.deep.equal([['1'], ['1', '2']]);
      const again = listen(there, 'chat.a');
      await there.settled();
      here.publish('chat.a', { frame: '4' });
      await eventually(() => again.frames.length === 1);
      two.end();
      here.publish('chat.a', { frame: '5' });
      await eventually(() => again.frames.length === 2);
      expect(again.frames).to.deep.equal(['4', '5']);
      expect(two.frames).to.have.length(2);
    });

    it('brings nothing of other subjects', async () => {
      const { frames } = listen(there, 'chat.a');
      await there.settled();
      for (const subject of ['chat', 'chat.A', 'chat.a.b', 'chat.ab', 'user.a', 'a'])
        here.publish(subject, { frame: subject });
      await passed(here, there);
      expect(frames).to.deep.equal([]);
    });

    it('takes no subject with a wildcard, or that would end a line', () => {
      for (const subject of [
        '',
        'chat.*',
        'chat.>',
        '>',
        'chat.',
        '.chat',
        'chat..a',
        'a b',
        'a\r\nPUB b',
        'ў',
      ])
        expect(() => there.subscribe(subject, () => {})).to.throw(RangeError);
    });

    it('keeps the error of one handler from the others, from the publisher, and from what comes next', async () => {
      there.subscribe('chat.a', ({ frame }) => {
        if (frame.toString() === '1') throw new Error('a bug');
      });
      const { frames } = listen(there, 'chat.a');
      await there.settled();
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      try {
        const reported = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
        here.publish('chat.a', { frame: '1' });
        here.publish('chat.a', { frame: '2' });
        expect((await reported).message).to.equal('a bug');
        await eventually(() => frames.length === 2);
        expect(frames).to.deep.equal(['1', '2']);
      } finally {
        for (const listener of others) process.on('uncaughtException', listener);
      }
    });

    it('lets a handler subscribe, end and publish', async () => {
      const heard: string[] = [];
      const end = there.subscribe('chat.a', () => {
        end();
        there.subscribe('chat.b', ({ frame }) => heard.push(frame.toString()));
        void there.settled().then(() => there.publish('chat.b', { frame: 'from within' }));
      });
      await there.settled();
      here.publish('chat.a', { frame: '1' });
      await eventually(() => heard.length === 1);
    });

    it('is silent after the close, and throws for nobody', async () => {
      const { frames, end } = listen(there, 'chat.a');
      await there.settled();
      await there.close();
      here.publish('chat.a', { frame: '1' });
      there.publish('chat.a', { frame: '2' });
      listen(there, 'chat.a').end();
      end();
      await passed(here, here);
      expect(frames).to.deep.equal([]);
    });
  });
}

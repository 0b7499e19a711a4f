import { expect } from 'chai';
import fc from 'fast-check';
import { type RequestType, requestFrames } from '../../schemas/frames/client.ts';
import { limits } from '../../schemas/limits.ts';
import { expectRefusal, type Frame, openLine } from './support/line.ts';
import { newUser } from './support/people.ts';
import { goodFrames, type Scene, sayCalm, setScene } from './support/scene.ts';
import { accepts, badBytes, seed, spoiltObjects, wrecks } from './support/spoil.ts';
import { startTarget, type Target } from './support/target.ts';

const types = Object.keys(requestFrames) as RequestType[];

describe('hostile frames', function () {
  this.timeout(60_000);
  let target: Target;
  let scene: Scene;
  let sent = 0;

  before(async () => {
    target = await startTarget();
    scene = await setScene(target);
  });
  after(async () => {
    scene?.line.close();
    await target?.end();
  });
  afterEach('the program is well', () => target.expectWell());

  const nextId = () => `h-${++sent}`;
  const fits = (text: string) => Buffer.byteLength(text) <= limits.frame;

  /** Frames of this type with an id that is put in later, since each must have its own. */
  function spoilt(type: RequestType): fc.Arbitrary<string> {
    const schema = requestFrames[type];
    const good = goodFrames(scene)[type] as Record<string, unknown>;
    return spoiltObjects(schema, good, { id: mark, type }).filter(fits);
  }

  async function put(text: string): Promise<Frame> {
    const id = nextId();
    scene.line.send(text.replace(mark, id));
    return scene.line.reply(id);
  }

  /** Every reply so far was the only one of its request. */
  async function expectOneReplyEach(): Promise<void> {
    await scene.line.ask('ping');
    const replies = scene.line.frames.flatMap(({ re }) => (re === undefined ? [] : [re]));
    expect(new Set(replies).size).to.equal(replies.length);
    expect(scene.line.frames.filter(({ re, type }) => re === undefined && type === 'error')).to.deep.equal(
      [],
    );
  }

  it('that break their schema get one `invalid` each, and nothing of them is stored', async () => {
    const before = await target.stored();
    const seq = await sayCalm(scene);
    for (const type of types) {
      const takes = accepts(requestFrames[type]);
      const broken = spoilt(type).filter((text) => !takes(text));
      await fc.assert(
        fc.asyncProperty(broken, async (text) => expectRefusal(await put(text), ['invalid'])),
        { seed, numRuns: 120 },
      );
    }
    await expectOneReplyEach();
    expect(await sayCalm(scene)).to.equal(seq + 1);
    expect(await target.stored()).to.equal(before);
  });

  it('of no known type get one `invalid` each', async () => {
    const names = fc.oneof(
      fc.constantFrom(
        '__proto__',
        'constructor',
        'toString',
        'hasOwnProperty',
        'valueOf',
        '',
        'ok',
        'error',
        'ready',
      ),
      fc.constantFrom(
        'message.new',
        'Ping',
        'ping ',
        'message.send\u200b',
        'chat',
        'x'.repeat(5000),
        'wake',
        'connect',
      ),
      fc.jsonValue({ maxDepth: 2 }).filter((value) => typeof value !== 'string'),
    );
    await fc.assert(
      fc.asyncProperty(names, async (type) =>
        expectRefusal(await put(JSON.stringify({ id: mark, type })), ['invalid']),
      ),
      { seed, numRuns: 100 },
    );
    await expectOneReplyEach();
  });

  it('with a wild but well-formed content get one answer of the catalogue each', async () => {
    for (const type of types.filter((one) => one !== 'chat.leave')) {
      const takes = accepts(requestFrames[type]);
      const wild = spoilt(type).filter(takes);
      await fc.assert(
        fc.asyncProperty(wild, async (text) => {
          const frame = await put(text);
          if (frame.type !== 'ok') expectRefusal(frame);
        }),
        { seed, numRuns: 25 },
      );
    }
    await expectOneReplyEach();
  });

  it('that are sent all at once get one answer each, in spite of each other', async () => {
    const { token } = await newUser(target);
    const line = await openLine(target, { token });
    const ids: string[] = [];
    for (const type of types)
      for (const text of fc.sample(spoilt(type), { seed, numRuns: 10 })) {
        const id = nextId();
        ids.push(id);
        line.send(text.replace(mark, id));
      }
    for (const id of ids) await line.reply(id);
    await line.ask('ping');
    for (const id of ids) expect(line.frames.filter(({ re }) => re === id)).to.have.length(1);
    line.close();
  });

  it('without an id that can be used get an error without `re`, and ten of them end the socket', async () => {
    const { token } = await newUser(target);
    const bad = ['', 'x'.repeat(65), 1, null, [], {}, true, ['1']].map((id) =>
      JSON.stringify({ id, type: 'ping' }),
    );
    const line = await openLine(target, { token });
    for (const text of [...bad, '{"type":"ping"}', '[{"id":"1","type":"ping"}]']) line.send(text);
    expect(await line.ended()).to.include({ code: 4002 });
    const errors = line.frames.filter(({ type }) => type === 'error');
    expect(errors).to.have.length(10);
    for (const error of errors) {
      expectRefusal(error, ['invalid']);
      expect(error).to.not.have.property('re');
    }
  });

  it('with a strange id get it back as it was', async () => {
    const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(id, fc.constantFrom('__proto__', 'constructor', '\u202E', '"', '\\', '</script>')),
        async (given) => {
          const line = await openLine(target);
          line.send(JSON.stringify({ id: given, type: 'ping' }));
          expect(await line.reply(given)).to.deep.equal({ re: given, type: 'ok' });
          line.close();
        },
      ),
      { seed, numRuns: 25 },
    );
  });

  it('that are no JSON object are refused on a socket of anybody, which goes on', async () => {
    await fc.assert(
      fc.asyncProperty(wrecks.filter(fits), async (text) => {
        const line = await openLine(target);
        line.send(text);
        const error = await line.frame('the error', ({ type }) => type === 'error');
        expectRefusal(error, ['invalid']);
        expect(error).to.not.have.property('re');
        expect(await line.ask('ping')).to.include({ type: 'ok' });
        line.close();
      }),
      { seed, numRuns: 40 },
    );
  });

  it('of bytes that are no text, or of more than 64 KiB, end their own socket only', async () => {
    const good = JSON.stringify({ id: '1', type: 'ping' });
    const frame = fc.oneof(
      badBytes(good),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.from(bytes)),
      fc.constantFrom(limits.frame + 1, limits.frameHard).map((size) => `{"id":"${'x'.repeat(size - 8)}"}`),
    );
    await fc.assert(
      fc.asyncProperty(frame, async (content) => {
        const line = await openLine(target);
        line.send(content);
        const { code } = await line.ended();
        expect([4002, 4013, 1006]).to.include(code);
      }),
      { seed, numRuns: 40 },
    );
    await sayCalm(scene);
  });
});

const mark = 'THE-ID';

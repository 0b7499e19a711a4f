import { expect } from 'chai';
import { type Append, type Journal, JournalError, type JournalFault } from '../../actors/journal/journal.ts';

export interface JournalHarness {
  /** Opens the journal, or opens it again after a close; always the same one. */
  open(): Promise<Journal>;
  dispose(): Promise<void>;
}

/** What every adapter of the journal port keeps. `maxBytes` bounds the journal, about. */
export function journalContract(name: string, make: (maxBytes?: number) => Promise<JournalHarness>): void {
  describe(`journal contract: ${name}`, () => {
    let harness: JournalHarness;
    let journal: Journal;
    let attempts = 0;

    beforeEach(async () => {
      harness = await make();
      journal = await harness.open();
    });
    afterEach(() => harness.dispose());

    function append(shard: number, expected: number, text: string, more: Partial<Append> = {}) {
      const messageId = `${shard}/1/node/${++attempts}`;
      return journal.append({ shard, expected, messageId, payload: Buffer.from(text), ...more });
    }

    async function fill(shard: number, count: number, expected = 0): Promise<number[]> {
      const positions: number[] = [];
      for (let n = 0; n < count; n++) {
        expected = await append(shard, expected, `${shard}:${n}`);
        positions.push(expected);
      }
      return positions;
    }

    async function texts(shard: number, after = 0, limit = 1000): Promise<string[]> {
      return (await journal.read(shard, after, limit)).map(({ payload }) => payload.toString());
    }

    async function faultOf(attempt: Promise<unknown>): Promise<JournalFault | undefined> {
      const error = await attempt.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error !== undefined && !(error instanceof JournalError)) throw error;
      return error?.fault;
    }

    it('has no newest record and nothing to read in an unused shard', async () => {
      expect(await journal.newest(3)).to.equal(undefined);
      expect(await journal.read(3, 0, 10)).to.deep.equal([]);
      await journal.trim(3, 100);
      await append(3, 0, 'first');
      expect(await texts(3)).to.deep.equal(['first']);
    });

    it('keeps what was appended, as the newest record', async () => {
      const position = await append(0, 0, 'hello');
      const newest = await journal.newest(0);
      expect(newest?.position).to.equal(position);
      expect(newest?.payload.toString()).to.equal('hello');
      expect(position).to.be.greaterThan(0);
    });

    it('grows the positions of a shard, whatever other shards do', async () => {
      let [a, b] = [0, 0];
      for (let n = 0; n < 20; n++) {
        const nextA = await append(1, a, `a${n}`);
        const nextB = await append(2, b, `b${n}`);
        expect(nextA).to.be.greaterThan(a);
        expect(nextB).to.be.greaterThan(b);
        [a, b] = [nextA, nextB];
      }
    });

    it('keeps nothing of an append whose expectation does not hold', async () => {
      const [first = 0, second = 0] = await fill(5, 2);
      for (const expected of [0, first, second + 1])
        expect(await faultOf(append(5, expected, 'stale'))).to.equal('refused');
      expect(await texts(5)).to.deep.equal(['5:0', '5:1']);
      expect((await journal.newest(5))?.position).to.equal(second);
      await append(5, second, 'next');
    });

    it('lets one of several racing appends win', async () => {
      const [base = 0] = await fill(7, 1);
      const racers = Array.from({ length: 8 }, (_, n) => append(7, base, `racer ${n}`));
      const faults = await Promise.all(racers.map(faultOf));
      expect(faults.filter((fault) => fault === undefined)).to.have.length(1);
      expect(faults.filter((fault) => fault === 'refused')).to.have.length(7);
      const winner = faults.indexOf(undefined);
      expect(await texts(7)).to.deep.equal(['7:0', `racer ${winner}`]);
    });

    it('takes appends of many shards in flight together', async () => {
      const shards = Array.from({ length: 64 }, (_, shard) => shard);
      const positions = await Promise.all(shards.map((shard) => fill(shard, 5)));
      expect(new Set(positions.flat()).size).to.equal(320);
      for (const shard of shards)
        expect(await texts(shard)).to.deep.equal([0, 1, 2, 3, 4].map((n) => `${shard}:${n}`));
    });

    it('reads in order, page by page, without a hole', async () => {
      await Promise.all([fill(1, 25), fill(2, 25)]);
      const pages: number[] = [];
      const seen: string[] = [];
      for (let after = 0; ; ) {
        const page = await journal.read(1, after, 10);
        pages.push(page.length);
        for (const { payload } of page) seen.push(payload.toString());
        if (page.length < 10) break;
        after = page.at(-1)?.position ?? 0;
      }
      expect(pages).to.deep.equal([10, 10, 5]);
      expect(seen).to.deep.equal(Array.from({ length: 25 }, (_, n) => `1:${n}`));
    });

    it('answers a repeated append with the first position, and keeps it once', async () => {
      const again = { messageId: 'same' };
      const position = await append(4, 0, 'once', again);
      expect(await append(4, 0, 'once', again)).to.equal(position);
      expect(await texts(4)).to.deep.equal(['once']);
    });

    it('recognises a repeated append before it looks at the expectation', async () => {
      const first = await append(4, 0, 'once', { messageId: 'same' });
      const second = await append(4, first, 'twice');
      expect(await append(4, 0, 'once', { messageId: 'same' })).to.equal(first);
      expect(await append(4, 9999, 'once', { messageId: 'same' })).to.equal(first);
      expect((await journal.newest(4))?.position).to.equal(second);
    });

    it('recognises an append that is repeated while the first is in flight', async () => {
      const both = [1, 2].map(() => append(4, 0, 'once', { messageId: 'same' }));
      const [first, second] = await Promise.all(both);
      expect(first).to.equal(second);
      expect(await texts(4)).to.deep.equal(['once']);
    });

    it('tells the same message id in two shards apart', async () => {
      await append(1, 0, 'one', { messageId: 'same' });
      await append(2, 0, 'two', { messageId: 'same' });
      expect([await texts(1), await texts(2)]).to.deep.equal([['one'], ['two']]);
    });

    it('takes another attempt with the same id after a refusal', async () => {
      expect(await faultOf(append(4, 12, 'text', { messageId: 'same' }))).to.equal('refused');
      await append(4, 0, 'text', { messageId: 'same' });
      expect(await texts(4)).to.deep.equal(['text']);
    });

    it('forgets what is trimmed, and nothing above it', async () => {
      const positions = await fill(6, 10);
      await journal.trim(6, positions[3] ?? 0);
      expect(await texts(6)).to.deep.equal([4, 5, 6, 7, 8, 9].map((n) => `6:${n}`));
      await journal.trim(6, positions[1] ?? 0);
      expect(await texts(6)).to.have.length(6);
    });

    it('never forgets the newest record, so that an old expectation does not fit again', async () => {
      const positions = await fill(6, 3);
      const newest = positions.at(-1) ?? 0;
      for (const position of [newest, newest + 1000]) {
        await journal.trim(6, position);
        expect(await texts(6)).to.deep.equal(['6:2']);
        for (const expected of [0, ...positions.slice(0, -1)])
          expect(await faultOf(append(6, expected, 'stale'))).to.equal('refused');
      }
      const next = await append(6, newest, 'next');
      expect(await texts(6, newest)).to.deep.equal(['next']);
      await append(6, next, 'last');
      expect(await texts(6, newest)).to.deep.equal(['next', 'last']);
    });

    it('keeps everything over a restart: records, order, expectations, recent message ids', async () => {
      const positions = await fill(1, 5);
      const last = await append(1, positions.at(-1) ?? 0, 'last', { messageId: 'last' });
      await fill(2, 1);
      const { id } = journal;
      await journal.close();
      journal = await harness.open();
      expect(journal.id).to.equal(id);
      expect(await texts(1)).to.deep.equal(['1:0', '1:1', '1:2', '1:3', '1:4', 'last']);
      expect((await journal.read(1, 0, 10)).map(({ position }) => position)).to.deep.equal([
        ...positions,
        last,
      ]);
      expect(await faultOf(append(1, 0, 'stale'))).to.equal('refused');
      expect(await append(1, 0, 'last', { messageId: 'last' })).to.equal(last);
      expect(await append(1, last, 'next')).to.be.greaterThan(last);
    });

    it('keeps the newest record of a trimmed shard over a restart', async () => {
      const newest = (await fill(1, 5)).at(-1) ?? 0;
      await journal.trim(1, newest);
      await journal.close();
      journal = await harness.open();
      expect((await journal.newest(1))?.position).to.equal(newest);
      expect(await faultOf(append(1, 0, 'stale'))).to.equal('refused');
      await append(1, newest, 'next');
    });

    it('takes claims and releases when it is too full for anything else, and all again after a trim', async () => {
      await harness.dispose();
      harness = await make(200_000);
      journal = await harness.open();
      const text = 'x'.repeat(5000);
      let newest = 0;
      let fault: JournalFault | undefined;
      for (let n = 0; n < 100 && fault === undefined; n++) {
        const attempt = append(1, newest, text);
        fault = await faultOf(attempt);
        if (fault === undefined) newest = await attempt;
      }
      expect(fault).to.equal('full');
      expect((await journal.newest(1))?.position).to.equal(newest);
      expect(await faultOf(append(2, 0, text))).to.equal('full');
      expect(await append(2, 0, 'claim', { reserved: true })).to.be.greaterThan(0);
      newest = await append(1, newest, 'claim', { reserved: true });
      await journal.trim(1, newest);
      await append(1, newest, text);
    });

    it('finishes what was appended before a close, and takes nothing after it', async () => {
      const before = append(1, 0, 'before');
      const closed = journal.close();
      const after = faultOf(append(2, 0, 'after'));
      expect(await before).to.be.greaterThan(0);
      await closed;
      expect(await after).to.equal('failed');
      journal = await harness.open();
      expect([await texts(1), await texts(2)]).to.deep.equal([['before'], []]);
    });
  });
}

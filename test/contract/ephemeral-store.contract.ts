import { expect } from 'chai';
import type { EphemeralStore } from '../../ops/ephemeral/store.ts';

export interface StoreHarness {
  store: EphemeralStore;
  /** Lets so many milliseconds pass. */
  pass(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/** What every adapter of the ephemeral store keeps. */
export function ephemeralStoreContract(name: string, make: () => Promise<StoreHarness>): void {
  describe(`ephemeral store contract: ${name}`, () => {
    let harness: StoreHarness;
    let store: EphemeralStore;
    const long = 60_000;
    /** Of a clock that may be the real one: longer than some round trips on a busy machine. */
    const short = 1500;

    beforeEach(async () => {
      harness = await make();
      store = harness.store;
    });
    afterEach(() => harness.dispose());

    it('keeps a key until its time is over, and not longer', async () => {
      await store.set('a', '1', short);
      await store.set('b', '2', long);
      expect(await store.get('a')).to.equal('1');
      await harness.pass(short);
      expect(await store.get('a')).to.equal(undefined);
      expect(await store.take('a')).to.equal(undefined);
      expect(await store.get('b')).to.equal('2');
    });

    it('counts the time from the last set', async () => {
      await store.set('a', '1', short);
      await store.set('a', '2', long);
      await harness.pass(short);
      expect(await store.get('a')).to.equal('2');
      await store.set('a', '3', short);
      await harness.pass(short);
      expect(await store.get('a')).to.equal(undefined);
    });

    it('has nothing under a key that was never set', async () => {
      expect(await store.get('a')).to.equal(undefined);
      expect(await store.take('a')).to.equal(undefined);
      await store.delete('a');
    });

    it('gives a key to one taker', async () => {
      await store.set('a', '1', long);
      const taken = await Promise.all([store.take('a'), store.take('a'), store.take('a')]);
      expect(taken.filter((value) => value !== undefined)).to.deep.equal(['1']);
      expect(await store.get('a')).to.equal(undefined);
    });

    it('adds a key only where there is none: of many adders one', async () => {
      const added = await Promise.all(['1', '2', '3'].map((value) => store.add('a', value, long)));
      expect(added.filter(Boolean)).to.have.length(1);
      expect(await store.get('a')).to.equal(String(added.indexOf(true) + 1));
      expect(await store.add('a', '4', long)).to.equal(false);
      await store.delete('a');
      expect(await store.add('a', '5', long)).to.equal(true);
      expect(await store.get('a')).to.equal('5');
    });

    it('adds a key again when its time is over; trying before does not prolong it', async () => {
      expect(await store.add('a', '1', short)).to.equal(true);
      expect(await store.add('a', '2', long)).to.equal(false);
      await harness.pass(short);
      expect(await store.add('a', '3', long)).to.equal(true);
      expect(await store.get('a')).to.equal('3');
    });

    it('keeps values as they are, the empty one too', async () => {
      for (const value of ['', '{"a":1}', 'o‘zbekcha 👋\0\r\n$5\r\n', 'x'.repeat(100_000)]) {
        await store.set('a', value, long);
        expect(await store.get('a')).to.equal(value);
        expect(await store.take('a')).to.equal(value);
      }
    });

    it('takes lives of any length, fractions too', async () => {
      await store.set('a', '1', 0.4);
      await store.set('b', '1', 1234.5);
      await store.set('c', '1', 400 * 86_400_000);
      await harness.pass(5);
      expect(await store.get('a')).to.equal(undefined);
      expect(await store.get('b')).to.equal('1');
      expect(await store.get('c')).to.equal('1');
    });
  });
}

import { expect } from 'chai';
import { createMemoryStore } from '../../../ops/ephemeral/memory-store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

describe('the ephemeral store of one process', () => {
  const pass = (clock: VirtualClock, ms: number) => {
    clock.after(ms, () => {});
    clock.step();
  };

  it('forgets a key when its time is over', async () => {
    const clock = new VirtualClock();
    const store = createMemoryStore(clock);
    await store.set('a', '1', 1000);
    pass(clock, 999);
    expect(await store.get('a')).to.equal('1');
    pass(clock, 1);
    expect(await store.get('a')).to.equal(undefined);
  });

  it('gives a key to one taker', async () => {
    const store = createMemoryStore(new VirtualClock());
    await store.set('a', '1', 1000);
    const taken = await Promise.all([store.take('a'), store.take('a')]);
    expect(taken).to.deep.equal(['1', undefined]);
  });

  it('adds a key only where there is none', async () => {
    const clock = new VirtualClock();
    const store = createMemoryStore(clock);
    expect(await store.add('a', '1', 1000)).to.equal(true);
    expect(await store.add('a', '2', 1000)).to.equal(false);
    expect(await store.get('a')).to.equal('1');
    pass(clock, 1000);
    expect(await store.add('a', '3', 1000)).to.equal(true);
    expect(await store.get('a')).to.equal('3');
  });

  it('holds what lives before what has expired: short lives do not push long ones out', async () => {
    const clock = new VirtualClock();
    const store = createMemoryStore(clock, 20);
    await store.set('long', 'here', 1e9);
    for (let key = 0; key < 1000; key++) {
      await store.set(`short ${key}`, 'x', 5);
      pass(clock, 1);
    }
    expect(await store.get('long')).to.equal('here');
  });

  it('lets the oldest go where there is no room', async () => {
    const store = createMemoryStore(new VirtualClock(), 2);
    for (const key of ['a', 'b', 'c']) await store.set(key, key, 1000);
    expect([await store.get('a'), await store.get('b'), await store.get('c')]).to.deep.equal([
      undefined,
      'b',
      'c',
    ]);
  });
});

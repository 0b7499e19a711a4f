import { expect } from 'chai';
import { createMemoryStore } from '../../../ops/ephemeral/memory-store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

describe('the ephemeral store of one process', () => {
  const pass = (clock: VirtualClock, ms: number) => {
    clock.after(ms, () => {});
    clock.step();
  };

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

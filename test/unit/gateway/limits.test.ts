import { expect } from 'chai';
import { createLimits } from '../../../gateway/limits.ts';
import { systemClock } from '../../../ops/process/clock.ts';

describe('gateway limits', () => {
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const rate = { amount: 2, perMs: 1000, burst: 4 };
  beforeEach(() => {
    now = 1_000_000;
  });

  it('lets a burst through, then the rate, and says how long to wait', () => {
    const limits = createLimits(clock, { calls: rate });
    const take = () => limits.take('calls', 'a');
    expect([take(), take(), take(), take(), take()]).to.deep.equal([0, 0, 0, 0, 500]);
    now += 499;
    expect(take()).to.equal(1);
    now += 1;
    expect([take(), take()]).to.deep.equal([0, 500]);
    now += 60_000;
    expect([take(), take(), take(), take(), take()]).to.deep.equal([0, 0, 0, 0, 500]);
  });

  it('tells its policy: how much at once, and the seconds in which that comes back', () => {
    const limits = createLimits(clock, {
      calls: { amount: 600, perMs: 60_000, burst: 600 },
      messages: { amount: 30, perMs: 1000, burst: 60 },
    });
    expect(limits.policy('calls')).to.deep.equal({ quota: 600, seconds: 60 });
    expect(limits.policy('messages')).to.deep.equal({ quota: 60, seconds: 2 });
  });

  it('counts names and keys apart', () => {
    const one = { amount: 1, perMs: 1000, burst: 1 };
    const limits = createLimits(clock, { calls: one, messages: one });
    expect(limits.take('calls', 'a')).to.equal(0);
    expect(limits.take('calls', 'b')).to.equal(0);
    expect(limits.take('messages', 'a')).to.equal(0);
    expect(limits.take('calls', 'a')).to.be.greaterThan(0);
  });

  it('holds a bounded number of keys, and keeps those in use', () => {
    const limits = createLimits(clock, { calls: { amount: 1, perMs: 1e9, burst: 1 } }, 10);
    limits.take('calls', 'steady');
    for (let key = 0; key < 1000; key++) {
      limits.take('calls', String(key));
      expect(limits.take('calls', 'steady')).to.be.greaterThan(0);
    }
    // Forgotten, so forgiven.
    expect(limits.take('calls', '0')).to.equal(0);
  });
});

import { expect } from 'chai';
import { Deadlines } from '../../../ops/process/deadlines.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

describe('deadlines', () => {
  let clock: VirtualClock;
  let deadlines: Deadlines;
  let told: string[];

  beforeEach(() => {
    clock = new VirtualClock();
    deadlines = new Deadlines(clock);
    told = [];
  });

  it('come in time: never late, and early by less than 16 ms', async () => {
    const begin = clock.monotonic();
    for (const ms of [1, 5, 15, 16, 17, 100, 1000, 1001, 1015])
      deadlines.at(begin + ms, () => told.push(`${ms} at ${clock.monotonic() - begin}`));
    for (let at = 0; at < 1100; at++) await clock.advance(1);
    for (const one of told) {
      const [ms = 0, at = 0] = one.split(' at ').map(Number);
      expect(at).to.be.within(ms - 15, ms);
    }
    expect(told).to.have.length(9);
  });

  it('do not come when they were cancelled, and leave the others of their slice alone', async () => {
    const begin = clock.monotonic();
    const cancels = ['one', 'two', 'three'].map((name) => deadlines.at(begin + 500, () => told.push(name)));
    const near = deadlines.at(begin + 2, () => told.push('near'));
    cancels[1]?.();
    near();
    await clock.advance(500);
    expect(told).to.deep.equal(['one', 'three']);
  });
});

import { expect } from 'chai';
import { createCallLimits } from '../../../gateway/call-limits.ts';
import { eventually } from '../../support/eventually.ts';

describe('limits of REST calls', () => {
  const rate = (amount: number, perMs = 60_000) => ({ amount, perMs, burst: amount });
  const rates = { authPerAddress: rate(2), authPerIp: rate(30), calls: rate(600) };

  it('let so many through per window, and say how long it lasts', async () => {
    const { take } = createCallLimits(rates);
    const ali = [await take('authPerAddress', 'ali'), await take('authPerAddress', 'ali')];
    expect(ali).to.deep.equal([0, 0]);
    expect(await take('authPerAddress', 'ali')).to.be.within(1, 60_000);
  });

  it('begin anew with the next window', async () => {
    const { take } = createCallLimits({ ...rates, calls: rate(1, 1000) });
    expect(await take('calls', 'ali')).to.equal(0);
    expect(await take('calls', 'ali')).to.be.within(1, 1000);
    await eventually(async () => (await take('calls', 'ali')) === 0);
  });

  it('count names and keys apart', async () => {
    const { take } = createCallLimits({ authPerAddress: rate(1), authPerIp: rate(1), calls: rate(1) });
    const taken = [take('calls', 'ali'), take('calls', 'vali'), take('authPerIp', 'ali')];
    expect(await Promise.all(taken)).to.deep.equal([0, 0, 0]);
    expect(await take('calls', 'ali')).to.be.greaterThan(0);
  });

  it('tell their policy', () => {
    expect(createCallLimits(rates).policy('authPerIp')).to.deep.equal({ quota: 30, seconds: 60 });
  });
});

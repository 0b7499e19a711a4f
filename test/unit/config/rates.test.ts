import { expect } from 'chai';
import { type Config, loadConfig } from '../../../ops/config/load.ts';
import { ratesOf } from '../../../ops/config/rates.ts';

describe('rate limits', () => {
  it('are those of the API where nothing is set', () => {
    expect(ratesOf(loadConfig({}, []) as Config)).to.deep.equal({
      authPerAddress: { amount: 5, perMs: 60_000, burst: 5 },
      authPerIp: { amount: 30, perMs: 60_000, burst: 30 },
      messages: { amount: 30, perMs: 1000, burst: 60 },
      frames: { amount: 30, perMs: 1000, burst: 60 },
      calls: { amount: 600, perMs: 60_000, burst: 600 },
      socketsPerIp: 200,
    });
  });

  it('are all multiplied by the factor, and never fall to nothing', () => {
    const rates = ratesOf(loadConfig({ SUHBAT_RATE_LIMIT_FACTOR: '1000' }, []) as Config);
    expect(rates.messages.amount).to.equal(30_000);
    expect(rates.socketsPerIp).to.equal(200_000);
    expect(ratesOf(loadConfig({ SUHBAT_RATE_LIMIT_FACTOR: '0.001' }, []) as Config).frames.amount).to.equal(
      1,
    );
  });
});

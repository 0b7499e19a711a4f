import { expect } from 'chai';
import { seededBugs } from './bugs.ts';
import { simulate } from './run.ts';

const seeds = 2500;
const slice = 250;

describe('the simulation: runtime, chat rules and journal under crashes, pauses, lost answers and moves', () => {
  for (let from = 1; from <= seeds; from += slice) {
    it(`keeps promises 1–8 for the seeds ${from}–${from + slice - 1}`, async function () {
      this.timeout(120_000);
      let acked = 0;
      for (let seed = from; seed < from + slice; seed++) {
        const result = await simulate(seed);
        expect(result.broken, `again with: npm run simulate -- --seed ${seed}`).to.deep.equal([]);
        acked += result.acked;
      }
      expect(acked).to.be.greaterThan(slice * 20);
    });
  }

  it('gives the same run for the same seed', async () => {
    expect(await simulate(42)).to.deep.equal(await simulate(42));
  });

  for (const [name, { sabotage, shows }] of Object.entries(seededBugs)) {
    it(`catches a seeded bug: ${name}`, async function () {
      this.timeout(120_000);
      const caught: string[] = [];
      for (let seed = 1; seed <= 400 && !caught.some((one) => shows.test(one)); seed++)
        caught.push(...(await simulate(seed, sabotage)).broken);
      expect(
        caught.some((one) => shows.test(one)),
        caught.slice(0, 5).join('\n'),
      ).to.equal(true);
    });
  }
});

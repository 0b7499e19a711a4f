import { expect } from 'chai';
import { seededRandom } from '../simulation/scheduler.ts';
import { shortPlan } from './plan.ts';
import { runFaults, wordsOf } from './run.ts';

describe('a cluster under load', function () {
  this.timeout(400_000);

  it('keeps the nine promises whatever is killed, paused, cut off or moved', async () => {
    const seed = Date.now() % 2 ** 31;
    const { breaches, faults, total } = await runFaults({ random: seededRandom(seed), plan: shortPlan });
    const story = [`seed ${seed}`, ...faults.map((one) => `${one.names}: ${wordsOf(one)}`)].join('\n');
    expect(breaches, story).to.deep.equal([]);
    expect(total.acks, story).to.be.greaterThan(total.sends * 0.99);
  });
});

import { join } from 'node:path';
import { expect } from 'chai';
import { seededRandom } from '../simulation/scheduler.ts';
import { seededBugs } from './bugs.ts';
import { shortPlan } from './plan.ts';
import { runFaults, wordsOf } from './run.ts';
import type { TownPlan } from './town.ts';

const smallTown: TownPlan = { people: 40, groups: 4, members: 5 };

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

describe('the judge of a cluster catches', function () {
  this.timeout(120_000);

  for (const [name, { plan, shows, ...bug }] of Object.entries(seededBugs))
    it(name, async () => {
      const { breaches } = await runFaults({
        random: seededRandom(1),
        plan,
        town: smallTown,
        perSecond: 150,
        recoverMs: 8000,
        env: {
          SEEDED_BUG: JSON.stringify(bug),
          NODE_OPTIONS: `--import ${join(import.meta.dirname, 'seed-bug.ts')}`,
        },
      });
      expect(
        breaches.some((breach) => shows.test(breach)),
        breaches.join('\n'),
      ).to.equal(true);
    });
});

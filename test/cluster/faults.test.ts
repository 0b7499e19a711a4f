import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type SeededBug, seededBugs } from './bugs.ts';
import { generatorsOf } from './generators.ts';
import { shortPlan, shortSettings } from './plan.ts';
import { runFaults, wordsOf } from './run.ts';
import type { TownPlan } from './town.ts';

const smallTown: TownPlan = { people: 40, groups: 4, members: 5 };

describe('a cluster under load', function () {
  this.timeout(600_000);

  // They wait most of the time: each bug gets its cluster while the faults below run in theirs.
  const caught = new Map<string, Promise<string[]>>();
  before(() => {
    let before: Promise<unknown> = Promise.resolve();
    for (const [name, bug] of Object.entries(seededBugs)) {
      const run = before.then(() => breachesOf(bug));
      caught.set(name, run);
      before = run.catch(() => undefined);
    }
  });

  it('keeps the nine promises whatever is killed, paused, cut off or moved', async () => {
    const seed = Date.now() % 2 ** 31;
    const { breaches, faults } = await runFaults({
      generators: generatorsOf(seed),
      plan: shortPlan,
      env: shortSettings,
    });
    const story = [`seed ${seed}`, ...faults.map((one) => `${one.names}: ${wordsOf(one)}`)].join('\n');
    expect(breaches, story).to.deep.equal([]);
  });

  for (const [name, { shows }] of Object.entries(seededBugs))
    it(`has a judge who catches: ${name}`, async () => {
      const breaches = (await caught.get(name)) ?? [];
      expect(
        breaches.some((breach) => shows.test(breach)),
        breaches.join('\n'),
      ).to.equal(true);
    });
});

async function breachesOf({ edits, plan, env }: SeededBug): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'suhbat-bug-'));
  const from = join(folder, 'now');
  const { breaches } = await runFaults({
    generators: generatorsOf(1),
    plan,
    onSettled: () => writeFile(from, ''),
    counts: { gateway: 1, actors: 2, services: 1 },
    town: smallTown,
    perSecond: 150,
    recoverMs: 8000,
    env: {
      ...env,
      SEEDED_BUG: JSON.stringify(edits),
      SEEDED_BUG_FROM: from,
      NODE_OPTIONS: `--import ${join(import.meta.dirname, 'seed-bug.ts')}`,
    },
  }).finally(() => rm(folder, { recursive: true, force: true }));
  return breaches;
}

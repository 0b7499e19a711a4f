import { eventually } from '../../support/eventually.ts';
import { amongCitizens } from './citizens.ts';
import { newUser, type User } from './people.ts';
import { type Baseline, baselineOf, expectRecovered, startTarget, type Target } from './target.ts';

/**
 * A program that is abused, whatever a connection does: nobody else feels it, for two citizens talk all along, and
 * afterwards nothing of the abuse is left in the process.
 */
export interface Abused {
  target: Target;
  user: User;
  /** What it held before. */
  baseline: Baseline;
  /** Runs the abuse among citizens, and waits until nothing of it is left. */
  abuse(run: () => Promise<void>): Promise<void>;
}

export function useAbused(env?: Record<string, string>): Abused {
  const abused = {
    async abuse(run) {
      await amongCitizens(abused.target, run);
      await expectRecovered(abused.target, abused.baseline);
    },
  } as Abused;

  before(async () => {
    abused.target = await startTarget(env);
    abused.user = await newUser(abused.target);
    // Warm: what the first conversation loads is no leak.
    await amongCitizens(abused.target, async () => {});
    await eventually(async () => (await abused.target.metric('suhbat_connections')) === 0);
    abused.baseline = await baselineOf(abused.target);
  });
  after(() => abused.target?.end());
  return abused;
}

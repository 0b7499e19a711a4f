import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Bench } from './bench.ts';
import { median } from './measure.ts';
import type { Row, Scenario } from './scenario.ts';

export interface CompareOptions {
  root: string;
  folder: string;
  scenarios: readonly Scenario[];
  short: boolean;
  rounds: number;
  say(line: string): void;
}

/** Suhbat of that commit, installed, for as long as `work` runs. */
async function checkedOut(
  commit: string,
  { root, folder }: CompareOptions,
  work: (other: string) => Promise<void>,
): Promise<void> {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const id = git('rev-parse', '--verify', `${commit}^{commit}`);
  const other = join(folder, 'compare', id.slice(0, 10));
  await rm(other, { recursive: true, force: true });
  git('worktree', 'prune');
  git('worktree', 'add', '--detach', '--force', other, id);
  try {
    const lock = (at: string) => readFileSync(join(at, 'package-lock.json'), 'utf8');
    if (lock(other) === lock(root)) symlinkSync(join(root, 'node_modules'), join(other, 'node_modules'));
    else execFileSync('npm', ['ci'], { cwd: other, stdio: 'ignore' });
    await work(other);
  } finally {
    git('worktree', 'remove', '--force', other);
  }
}

/** Runs both in turn, and prints how many times the figures of that commit this checkout has: the median, and from – to. */
export async function compare(commit: string, options: CompareOptions): Promise<void> {
  const { root, folder, scenarios, short, rounds, say } = options;
  await checkedOut(commit, options, async (other) => {
    for (const scenario of scenarios) {
      say(`\n── ${scenario.name}: this checkout over ${commit}, ${rounds} rounds\n`);
      const pairs: { here: readonly Row[]; there: readonly Row[] }[] = [];
      for (let round = 0; round < rounds; round++) {
        const run = async (at: string) => {
          const bench = await Bench.start({ folder, root: at, short, alone: true, say() {} });
          try {
            return (await scenario.run(bench)).rows;
          } finally {
            await bench.stop();
          }
        };
        // Who begins may have it better or worse: by turns.
        if (round % 2 === 0) pairs.push({ there: await run(other), here: await run(root) });
        else {
          const here = await run(root);
          pairs.push({ here, there: await run(other) });
        }
      }
      say(ratios(pairs));
    }
  });
}

function ratios(pairs: readonly { here: readonly Row[]; there: readonly Row[] }[]): string {
  const lines: string[] = [];
  for (const { case: name, figures } of pairs[0]?.here ?? []) {
    lines.push(name);
    for (const figure of Object.keys(figures)) {
      const values = (side: 'here' | 'there') =>
        pairs.map((pair) => pair[side].find((row) => row.case === name)?.figures[figure] ?? Number.NaN);
      const [here, there] = [values('here'), values('there')];
      const each = here.map((value, at) => value / (there[at] ?? Number.NaN)).filter(Number.isFinite);
      if (each.length === 0) continue;
      const [middle, from, to] = [median(each), Math.min(...each), Math.max(...each)].map((value) =>
        value.toFixed(2),
      );
      lines.push(
        `  ${figure.padEnd(26)} × ${middle}  (${from} – ${to})   ${median(there)} → ${median(here)}`,
      );
    }
  }
  return lines.join('\n');
}

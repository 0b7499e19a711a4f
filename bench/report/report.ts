import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Row, Scenario, Verdict } from '../scenario.ts';
import { chartOf } from './chart.ts';
import type { Setting } from './machine.ts';
import { written } from './table.ts';

const head = `# Results

Every run of \`npm run bench\` adds to this file; the newest figures of each scenario lie in \`results/\` as JSON and as
charts. Server, load driver and PostgreSQL share one machine: times are guards, ratios within one run are what counts.
`;

export interface Outcome {
  rows: readonly Row[];
  verdicts: readonly Verdict[];
}

/** Writes what one scenario has found: JSON, charts, and a section of RESULTS.md. `short` in the title where it was. */
export function report(
  folder: string,
  scenario: Scenario,
  outcome: Outcome,
  { setting, short }: { setting: Setting; short: boolean },
): void {
  const results = join(folder, 'results');
  mkdirSync(results, { recursive: true });
  const name = short ? `${scenario.name}-short` : scenario.name;
  writeFileSync(
    join(results, `${name}.json`),
    `${JSON.stringify({ scenario: scenario.name, about: scenario.about, ...setting, ...outcome }, null, 2)}\n`,
  );
  for (const [at, chart] of scenario.charts.entries())
    writeFileSync(
      join(results, `${name}-${at + 1}.svg`),
      chartOf(chart, outcome.rows, `${setting.date}, commit ${setting.commit}, ${setting.machine}`),
    );
  const file = join(folder, 'RESULTS.md');
  if (!existsSync(file)) writeFileSync(file, head);
  appendFileSync(
    file,
    `\n## ${setting.date} · ${name} · ${setting.commit}\n\n${scenario.about} ${setting.machine}. ${setting.versions}.\n\n${written(outcome.rows, outcome.verdicts)}\n`,
  );
}

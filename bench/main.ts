import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Bench } from './bench.ts';
import { compare } from './compare.ts';
import { help, type Options, readOptions } from './options.ts';
import { settingOf } from './report/machine.ts';
import { hottest } from './report/profile.ts';
import { report } from './report/report.ts';
import { printed } from './report/table.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';
import type { ProfileWish } from './server/profiles.ts';

/** `npm run bench`: see `help`. */

const root = join(import.meta.dirname, '..');
const folder = join(root, 'data', 'bench');
const say = (line: string) => void process.stdout.write(`${line}\n`);

function chosen({ scenarios: names, short }: Options): readonly Scenario[] {
  if (names.length > 0) return scenarios.filter(({ name }) => names.includes(name));
  return scenarios.filter((scenario) => !short || scenario.short);
}

async function measure(options: Options): Promise<void> {
  const setting = settingOf(root);
  await rm(join(folder, 'profiles'), { recursive: true, force: true });
  const wanted: ProfileWish['of'] | undefined = options.heap ? 'heap' : options.profile ? 'cpu' : undefined;
  const profiles = wanted === undefined ? {} : { profiles: { folder: join(folder, 'profiles'), of: wanted } };
  const bench = await Bench.start({
    folder,
    root,
    short: options.short,
    alone: options.alone,
    say,
    ...profiles,
  });
  const stop = () => process.exit(130);
  process.once('SIGINT', stop);
  try {
    for (const scenario of chosen(options)) {
      const begin = performance.now();
      say(`\n── ${scenario.name}: ${scenario.about}\n`);
      const outcome = await scenario.run(bench);
      say(printed(outcome.rows, outcome.verdicts));
      say(`\n(${Math.round((performance.now() - begin) / 1000)} s)`);
      if (wanted !== undefined) say(`\n${hottest(join(folder, 'profiles'), root)}`);
      if (!options.dry) report(import.meta.dirname, scenario, outcome, { setting, short: options.short });
    }
  } finally {
    await bench.stop();
  }
}

try {
  const options = readOptions(
    process.argv.slice(2),
    scenarios.map(({ name }) => name),
  );
  if (options.help) process.stdout.write(help);
  else if (options.list) for (const { name, about } of scenarios) say(`${name.padEnd(12)} ${about}`);
  else if (options.compare === undefined) await measure(options);
  else await compare(options.compare, { ...options, root, folder, scenarios: chosen(options), say });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

import { parseArgs } from 'node:util';
import { simulate } from './run.ts';

/** `npm run simulate -- --seed 130`, or `-- --from 1 --to 5000`: exits 1 if any seed breaks a promise. */
const { values } = parseArgs({
  options: { seed: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } },
});
const from = Number(values.seed ?? values.from ?? 1);
const to = Number(values.seed ?? values.to ?? 3000);
const total = { seeds: 0, steps: 0, kills: 0, pauses: 0, acked: 0, unknown: 0, broken: 0 };
for (let seed = from; seed <= to; seed++) {
  const result = await simulate(seed);
  total.seeds++;
  for (const key of ['steps', 'kills', 'pauses', 'acked', 'unknown'] as const) total[key] += result[key];
  if (result.broken.length === 0) continue;
  total.broken++;
  process.stdout.write(`seed ${seed}:\n${result.broken.map((one) => `  ${one}`).join('\n')}\n`);
}
process.stdout.write(`${JSON.stringify(total)}\n`);
process.exitCode = total.broken === 0 ? 0 : 1;

import { parseArgs } from 'node:util';
import { simulate } from './run.ts';

/** `npm run simulate -- --seed 130`, or `-- --from 1 --to 5000`: exits 1 if any seed breaks a promise. */
const { values } = parseArgs({
  options: { seed: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } },
});
const from = Number(values.seed ?? values.from ?? 1);
const to = Number(values.seed ?? values.to ?? 3000);
const counted = ['steps', 'kills', 'pauses', 'drains', 'outages', 'acked', 'unknown', 'buried'] as const;
const total = { seeds: 0, broken: 0, ...Object.fromEntries(counted.map((name) => [name, 0])) } as Record<
  'seeds' | 'broken' | (typeof counted)[number],
  number
>;
for (let seed = from; seed <= to; seed++) {
  const result = await simulate(seed);
  total.seeds++;
  for (const name of counted) total[name] += result[name];
  if (result.broken.length === 0) continue;
  total.broken++;
  process.stdout.write(`seed ${seed}:\n${result.broken.map((one) => `  ${one}`).join('\n')}\n`);
}
process.stdout.write(`${JSON.stringify(total)}\n`);
process.exitCode = total.broken === 0 ? 0 : 1;

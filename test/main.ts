import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * The tests of `npm test`: two mochas side by side, because the tests of the cluster wait most of the time. What the
 * first says is seen at once, the second's follows when both have ended. Exits with 0 only where both did.
 */
const folders = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const first = ['hostile', 'integration'];
const second = folders.filter((name) => !first.includes(name));

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

function run(names: readonly string[], output: 'inherit' | 'pipe'): Promise<{ code: number; said: Buffer }> {
  const files = names.map((name) => join('test', name, '**', '*.test.ts'));
  const child = spawn(process.execPath, [mocha, ...files], { stdio: ['ignore', output, output] });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => said.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, said: Buffer.concat(said) }));
  });
}

// A terminal tells all of us at once; a signal to this process alone is theirs too.
const ended = await Promise.all([run(first, 'inherit'), run(second, 'pipe')]);
for (const { said } of ended) process.stdout.write(said);
process.exitCode = ended.every(({ code }) => code === 0) ? 0 : 1;

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * The tests of `npm test`: two mochas side by side, then the clusters, which need the machine for themselves. What the
 * second says follows when both have ended. Exits with 0 only where all did.
 */
const last = ['cluster'];
const first = ['hostile', 'integration'];
const second = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && ![...first, ...last, 'support'].includes(entry.name))
  .map(({ name }) => name);

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

function run(names: readonly string[], output: 'inherit' | 'pipe'): Promise<{ code: number; said: Buffer }> {
  const files = names.map((name) => join('test', name, '**', '*.test.ts'));
  // A retry within the library of the job queue outlives its test by minutes.
  const child = spawn(process.execPath, [mocha, '--exit', ...files], { stdio: ['ignore', output, output] });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => said.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, said: Buffer.concat(said) }));
  });
}

const ended = await Promise.all([run(first, 'inherit'), run(second, 'pipe')]);
for (const { said } of ended) process.stdout.write(said);
ended.push(await run(last, 'inherit'));
process.exitCode = ended.every(({ code }) => code === 0) ? 0 : 1;

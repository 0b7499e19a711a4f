import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * The tests of `npm test`: each folder of test/ and of test/integration/ is a mocha of its own, two of them side by
 * side, the small folders together in one; then the clusters, which need the machine for themselves. What a mocha
 * says follows when it has ended; why tests failed follows after all of them. Exits with 0 only where all did.
 */
const sideBySide = 2;
/** A folder with fewer files is not worth a process, and servers, of its own. */
const fewFiles = 4;
const last = 'cluster';
/** Several times what the longest takes: one that does not end has left something running. */
const mostMs = 30 * 60_000;

/** Where mocha's totals end and its list of what failed begins. */
const totalsEnd = /^ +\d+ failing$/m;

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

function foldersOfTests(): Map<string, string[]> {
  const folders = new Map<string, string[]>();
  for (const file of globSync('**/*.test.ts', { cwd: import.meta.dirname })) {
    const [top = '', second = ''] = dirname(file).split('/');
    const folder = top === 'integration' ? `${top}/${second}` : top;
    folders.set(folder, [...(folders.get(folder) ?? []), join('test', file)].sort());
  }
  return folders;
}

/** The longest first, as far as the number of files tells: what joins many folders goes before all. */
function partsOf(folders: Map<string, string[]>): string[][] {
  const all = [...folders].filter(([folder]) => folder !== last).map(([, files]) => files);
  const small = all.filter(({ length }) => length < fewFiles);
  const large = all.filter(({ length }) => length >= fewFiles);
  return [small.flat(), ...large.sort((a, b) => b.length - a.length)].filter(({ length }) => length > 0);
}

async function run(files: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, [mocha, ...files], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: mostMs,
  });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const text = Buffer.concat(said).toString();
  const totals = totalsEnd.exec(text);
  const end = totals === null ? text.length : totals.index + totals[0].length;
  process.stdout.write(`${text.slice(0, end)}\n`);
  if (end < text.length) failures.push(text.slice(end));
  if (code === null) failures.push(`\nThis was ended after ${mostMs / 60_000} minutes: ${files}\n`);
  else if (code !== 0 && totals === null)
    failures.push(`\nThis ended with ${code}, and no test failed: ${files}\n`);
  return code === 0;
}

const folders = foldersOfTests();
const waiting = partsOf(folders);
const failures: string[] = [];
let passed = true;

async function work(): Promise<void> {
  for (let files = waiting.shift(); files !== undefined; files = waiting.shift())
    passed = (await run(files)) && passed;
}

await Promise.all(Array.from({ length: sideBySide }, work));
const clusters = folders.get(last);
if (clusters === undefined) throw new Error(`There are no tests in test/${last}.`);
passed = (await run(clusters)) && passed;
for (const failure of failures) process.stdout.write(failure);
process.exitCode = passed ? 0 : 1;

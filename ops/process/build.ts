import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** Which Suhbat this is: the version of package.json and, in a clone, the commit. */
export function thisBuild(): { version: string; commit: string } {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { version, commit: headCommit() };
}

/** What `git rev-parse HEAD` says, without starting git; `unknown` outside a clone. */
function headCommit(): string {
  const head = gitFile('HEAD');
  const ref = /^ref: (.+)$/.exec(head)?.[1];
  if (ref === undefined) return head || 'unknown';
  const packed = gitFile('packed-refs')
    .split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  return gitFile(ref) || packed?.split(' ')[0] || 'unknown';
}

function gitFile(name: string): string {
  try {
    return readFileSync(join(root, '.git', name), 'utf8').trim();
  } catch {
    return '';
  }
}

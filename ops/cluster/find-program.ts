import { execFileSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const installer = join(import.meta.dirname, '..', 'install-programs.sh');

/** What our installer can bring, and the names that its program goes by. */
const programs = {
  'ceph-mon': ['ceph-mon'],
  'ceph-osd': ['ceph-osd'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
  'nats-server': ['nats-server'],
  radosgw: ['radosgw'],
  'redis-server': ['redis-server'],
};

/** A program's path; where PATH has none, our script installs it, or says in one sentence what to do. */
export function findProgram(program: keyof typeof programs): string {
  const names = programs[program];
  const found = onPath(names);
  if (found !== undefined) return found;
  try {
    execFileSync(installer, [program], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 300_000 });
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    throw new Error(said.split('\n').at(-1) || `${program} could not be installed.`);
  }
  const installed = onPath(names);
  if (installed === undefined) throw new Error(`None of ${names.join(', ')} is on PATH.`);
  return installed;
}

/** The first of these names that can be run. Debian keeps servers where only root's PATH leads. */
export function onPath(names: readonly string[]): string | undefined {
  const folders = `${process.env.PATH ?? ''}${delimiter}/usr/sbin`.split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(canRun);
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { withClient } from '../../../ops/connections/postgres-client.ts';
import { readPidFile } from '../../../ops/embedded/postgres-processes.ts';
import { until } from '../../support/until.ts';

export interface Holder {
  process: ChildProcess;
  url: string;
  postgres: number;
  uid: number;
  logged: string[];
  refused?: string;
  /** Ends it in good order. */
  end(): Promise<void>;
}

const children = new Set<ChildProcess>();
const folders = new Set<string>();
let original: Promise<string> | undefined;

/** Starts `embedded-child.ts` on a folder, in a process group of its own, and reads its one line. */
export async function holdFolder(folder: string, uid?: number): Promise<Holder> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'embedded-child.ts'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  children.add(child);
  const [line] = await once(createInterface(child.stdout), 'line');
  return {
    process: child,
    ...JSON.parse(line),
    async end() {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

/** A folder with a database that was stopped in good order, copied from one that is made once. */
export async function folderWithDatabase(): Promise<string> {
  original ??= makeOriginal();
  const folder = await temporaryFolder();
  await promisify(execFile)('cp', ['-a', join(await original, 'postgres'), folder]);
  return folder;
}

async function makeOriginal(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'suhbat-embedded-'));
  const holder = await holdFolder(folder);
  await run(holder.url, 'create table kept (n integer)');
  await run(holder.url, 'insert into kept values (1), (2), (3)');
  await holder.end();
  return folder;
}

/** For `after`: what `folderWithDatabase` copies from. */
export async function removeOriginal(): Promise<void> {
  const folder = await original?.catch(() => undefined);
  original = undefined;
  if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 10 });
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'suhbat-embedded-'));
  folders.add(folder);
  return folder;
}

/** For `afterEach`: every process that a test started, and every folder, also when it failed. */
export async function cleanUp(): Promise<void> {
  for (const child of children) {
    killGroup(child);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  children.clear();
  for (const folder of folders) {
    await until('the server is gone', async () => (await serverOf(folder)) === undefined);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  folders.clear();
}

export function killGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** The id of a server that still works in this folder's database. */
async function serverOf(folder: string): Promise<number | undefined> {
  const [pid] = await readPidFile(join(folder, 'postgres'));
  return pid !== undefined && isAlive(Number(pid)) ? Number(pid) : undefined;
}

/** Runs, or is stopped; one that was killed and that nobody has buried yet (a zombie) counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export function run(url: string, statement: string): Promise<Record<string, unknown>[]> {
  return withClient({ url, applicationName: 'test' }, async (client) => (await client.query(statement)).rows);
}

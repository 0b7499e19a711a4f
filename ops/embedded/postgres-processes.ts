import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Clock } from '../process/clock.ts';
import { StartError } from '../process/start-error.ts';
import { untilStopped } from '../process/until-stopped.ts';

/** Real pauses, that keep the process alive: a start must not end because it has nothing else to do. */
const pollMs = 20;

/** Children end with their server; without one they notice that within a second. Then they are made to. */
const steps = [
  { server: 'SIGINT', children: undefined, waitMs: 5000 },
  { server: 'SIGQUIT', children: 'SIGQUIT', waitMs: 2000 },
  { server: 'SIGKILL', children: 'SIGKILL', waitMs: 3000 },
] as const;

/**
 * Ends whatever PostgreSQL still runs on exactly this folder: a server that outlived its parent, or children
 * that outlived the server and keep its shared memory. Removes the `postmaster.pid` that they leave, which
 * would stop the next start if its number meanwhile belongs to somebody else. Gives how many were ended.
 * The caller holds the lock of the data folder, so nobody else can have started them on purpose.
 */
export async function endLeftovers(dir: string, clock: Clock): Promise<number> {
  const found = (await processesOf(dir)).length;
  for (const { server, children, waitMs } of steps) {
    const pids = await processesOf(dir);
    if (pids.length === 0) break;
    const serverPid = await readServerPid(dir);
    for (const pid of pids) {
      const signal = pid === serverPid ? server : children;
      if (signal !== undefined) trySignal(pid, signal);
    }
    const alone = serverPid === undefined || !pids.includes(serverPid);
    const until = clock.monotonic() + (alone ? 1000 : waitMs);
    while ((await processesOf(dir)).length > 0 && clock.monotonic() < until) await pause(pollMs);
  }
  const left = await processesOf(dir);
  if (left.length > 0) {
    throw new StartError(
      `PostgreSQL processes of ${dir} do not end: ${left.join(', ')}. End them, then start again.`,
    );
  }
  await rm(join(dir, 'postmaster.pid'), { force: true });
  return found;
}

/** The first line of `postmaster.pid`; undefined when there is no such file. */
async function readServerPid(dir: string): Promise<number | undefined> {
  const [pid] = await readPidFile(dir);
  return pid === undefined ? undefined : Number.parseInt(pid, 10);
}

/** The lines of `postmaster.pid`; the eighth is `ready` when connections are taken. */
export async function readPidFile(dir: string): Promise<string[]> {
  const text = await readFile(join(dir, 'postmaster.pid'), 'utf8').catch(() => '');
  return text === '' ? [] : text.split('\n');
}

/**
 * To the server and its children; harmless where none runs. The server goes first: what is stopped or gone makes no
 * child behind our look. After SIGSTOP it resolves when none of them does anything any more. Where there is no /proc
 * only the server hears it.
 */
export async function signalAll(dir: string, signal: NodeJS.Signals): Promise<void> {
  const serverPid = await readServerPid(dir);
  const send = async (pid: number) => {
    trySignal(pid, signal);
    if (signal === 'SIGSTOP') await untilStopped(pid);
  };
  if (serverPid !== undefined && (await processesOf(dir)).includes(serverPid)) await send(serverPid);
  await Promise.all((await processesOf(dir)).filter((pid) => pid !== serverPid).map(send));
}

/** Every process of PostgreSQL works in its database folder: that, and not a number in a file, tells them. */
async function processesOf(dir: string): Promise<number[]> {
  if (process.platform !== 'linux') return serverByCommand(dir);
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 1);
  const ours = await Promise.all(pids.map((pid) => worksIn(pid, dir)));
  return pids.filter((_, index) => ours[index]);
}

async function worksIn(pid: number, dir: string): Promise<boolean> {
  try {
    if ((await readlink(`/proc/${pid}/cwd`)) !== dir) return false;
    // ` (deleted)` follows when the package was installed anew meanwhile.
    return basename(await readlink(`/proc/${pid}/exe`)).split(' ')[0] === 'postgres';
  } catch {
    return false;
  }
}

/** Without /proc only the server itself is found; its children end with it. */
async function serverByCommand(dir: string): Promise<number[]> {
  const pid = await readServerPid(dir);
  if (pid === undefined) return [];
  const command = await promisify(execFile)('ps', ['-ww', '-p', String(pid), '-o', 'command=']).catch(
    () => undefined,
  );
  return command?.stdout.includes('postgres') && command.stdout.includes(dir) ? [pid] : [];
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

import { spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { StartError } from '../process/start-error.ts';

/** The folder of everything that is kept, held by this process alone. */
export interface DataFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Lets another process have it; ending the process does so too. */
  release(): void;
}

/**
 * Makes the folder (mode 0700) where there is none, and locks it. StartError when another process holds it.
 *
 * The lock is the kernel's own (flock): it ends with this process however that ends, so there is no stale
 * lock to guess about, and no process id that somebody else may have by now. The id in the file is for
 * people. Node cannot call flock; a lock belongs to the open file though, not to the process that asked, so
 * the command `flock` takes it on a descriptor that we pass and it stays ours when the command has ended.
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const folder = makeFolder(resolve(path));
  const file = join(folder, 'lock');
  const descriptor = openLockFile(file, folder);
  try {
    if (!(await lock(descriptor, folder))) throw inUse(folder, file);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  ftruncateSync(descriptor);
  writeSync(descriptor, `${process.pid}\n`);

  let held = true;
  return {
    path: folder,
    release() {
      if (held) closeSync(descriptor);
      held = false;
    },
  };
}

function makeFolder(path: string): string {
  try {
    makeWithParents(path);
    return realpathSync(path);
  } catch (error) {
    throw new StartError(`The data folder ${path} cannot be made: ${reason(error)}.`, error);
  }
}

/** Step by step: where a file system has no folders to give (/proc), Node's own `recursive` never ends. */
function makeWithParents(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeWithParents(parent);
  mkdirSync(path, { mode: 0o700 });
}

/** macOS has no command for it, but takes the lock when it opens the file (O_EXLOCK, O_NONBLOCK). */
const openLocked = process.platform === 'darwin' ? 0x20 | 0x04 : 0;

function openLockFile(file: string, folder: string): number {
  try {
    return openSync(file, constants.O_RDWR | constants.O_CREAT | openLocked, 0o600);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') throw inUse(folder, file);
    throw new StartError(`The data folder ${folder} cannot be written to: ${reason(error)}.`, error);
  }
}

async function lock(descriptor: number, folder: string): Promise<boolean> {
  if (openLocked !== 0) return true;
  const command = spawn('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
  const code = await new Promise((done, failed) => {
    command.on('error', failed);
    command.on('exit', done);
  }).catch((error: unknown) => {
    throw new StartError(
      `The data folder ${folder} cannot be locked: the command flock (util-linux) is missing.`,
      error,
    );
  });
  if (code === 0) return true;
  // 1: another holds it. Anything else is a file system that has no locks.
  if (code === 1) return false;
  throw new StartError(`The data folder ${folder} cannot be locked: its file system takes no flock.`);
}

function inUse(folder: string, file: string): StartError {
  const holder = Number.parseInt(readFileSync(file, 'utf8'), 10);
  const who = Number.isNaN(holder) ? 'another process' : `process ${holder}`;
  return new StartError(
    `The data folder ${folder} is in use by ${who}: stop that one, or set SUHBAT_DATA_DIR to another folder.`,
  );
}

const reasons: Record<string, string> = {
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'its file system is read-only',
  ENOSPC: 'the disk is full',
  EEXIST: 'something that is no folder has this name',
  ENOTDIR: 'something above it is no folder',
};

function reason(error: unknown): string {
  const code = codeOf(error);
  const words = reasons[code];
  return words === undefined ? code : `${words} (${code})`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lchownSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StartError } from '../process/start-error.ts';

/** Starts PostgreSQL's programs as a user that they accept: they refuse to run as root. */
export interface Runner {
  spawn(program: string, args: string[], options: SpawnOptions): ChildProcess;
  /** Gives a file or folder, with all in it, to that user. */
  give(path: string): void;
}

interface User {
  name: string;
  uid: number;
  gid: number;
}

/** All that they see of the environment: what a user has set for another PostgreSQL must not reach ours. */
const env = { PATH: '/usr/local/bin:/usr/bin:/bin', TZ: 'UTC' };

const plain: Runner = {
  spawn: (program, args, options) => spawn(program, args, { ...options, env }),
  give() {},
};

/**
 * An ordinary user runs them as itself. Root runs them as the owner of the existing database folder, else as
 * the user `postgres` if the machine has one, else as `nobody`; no user is made.
 *
 * That user must reach the database and the programs. Our own data folder is opened to its group. Where a
 * folder above is closed (a checkout in /root), the programs get one capability, to pass closed folders:
 * `no_setuid_fixup` beside it, because access(2), which PostgreSQL asks about its own path, else forgets it.
 */
export function chooseRunner(databaseDir: string, programs: string[]): Runner {
  if (process.getuid?.() !== 0) return plain;
  const user = ownerOf(databaseDir) ?? findUser(['postgres', 'nobody']);
  if (user === undefined) {
    throw new StartError(
      'PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: start as an ordinary user, or set DATABASE_URL.',
    );
  }
  openToGroup(dirname(databaseDir), user);
  const closed = [databaseDir, ...programs]
    .map((path) => closedAbove(path, user))
    .find((path) => path !== undefined);
  return closed === undefined ? asUser(user) : asUserWhoPasses(user, closed);
}

function asUser(user: User): Runner {
  return {
    spawn: (program, args, options) =>
      spawn(program, args, { ...options, env, uid: user.uid, gid: user.gid }),
    give: (path) => giveAll(path, user),
  };
}

function asUserWhoPasses(user: User, closed: string): Runner {
  const setpriv = findCommand('setpriv');
  if (setpriv === undefined) {
    throw new StartError(
      `PostgreSQL runs as the user ${user.name} here, who cannot pass ${closed}: set SUHBAT_DATA_DIR to a folder outside it, start as an ordinary user, or set DATABASE_URL.`,
    );
  }
  const privileges = [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    '--inh-caps=-all,+dac_override',
    '--ambient-caps=-all,+dac_override',
    '--bounding-set=-all,+dac_override',
    '--securebits=+no_setuid_fixup',
  ];
  return {
    // setpriv becomes the program: same process id.
    spawn: (program, args, options) => spawn(setpriv, [...privileges, program, ...args], { ...options, env }),
    give: (path) => giveAll(path, user),
  };
}

function ownerOf(path: string): User | undefined {
  const owner = statSync(path, { throwIfNoEntry: false });
  return owner === undefined || owner.uid === 0
    ? undefined
    : { name: `with id ${owner.uid}`, uid: owner.uid, gid: owner.gid };
}

function findUser(names: string[]): User | undefined {
  const users = new Map<string, User>();
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name = '', , uid, gid] = line.split(':');
    users.set(name, { name, uid: Number(uid), gid: Number(gid) });
  }
  return names.map((name) => users.get(name)).find((user) => user !== undefined && user.uid > 0);
}

/** The user may pass through the folder, but not list it. */
function openToGroup(folder: string, user: User): void {
  const { mode, uid, gid } = statSync(folder);
  if (uid !== 0 || mayPass({ mode, uid, gid }, user)) return;
  chownSync(folder, uid, user.gid);
  chmodSync(folder, (mode & 0o7707) | 0o010);
}

/** The first folder above the path that the user may not pass; undefined when it can be reached. */
function closedAbove(path: string, user: User): string | undefined {
  let closed: string | undefined;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!mayPass(statSync(folder), user)) closed = folder;
    if (folder === dirname(folder)) return closed;
  }
}

function mayPass({ mode, uid, gid }: { mode: number; uid: number; gid: number }, user: User): boolean {
  if (uid === user.uid) return (mode & 0o100) !== 0;
  return (mode & (gid === user.gid ? 0o010 : 0o001)) !== 0;
}

function giveAll(path: string, user: User): void {
  lchownSync(path, user.uid, user.gid);
  if (!statSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) giveAll(join(path, name), user);
}

function findCommand(name: string): string | undefined {
  const folders = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

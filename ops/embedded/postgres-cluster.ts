import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from '../process/start-error.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import type { Runner } from './postgres-runner.ts';

/** The database that the program uses, and the role that owns it and nothing else. */
const name = 'suhbat';

export interface Cluster {
  /** Of both roles: `suhbat`, and the superuser `postgres`. */
  password: string;
}

/**
 * The database folder: opened when it is there, else made, with role, database and password, beside its
 * place and then moved there. So a start that was cut off leaves nothing half made.
 */
export async function openCluster(dir: string, binaries: PostgresBinaries, runner: Runner): Promise<Cluster> {
  const passwordFile = join(dir, 'password');
  if (existsSync(passwordFile)) return { password: readPassword(passwordFile) };
  if (existsSync(dir)) {
    throw new StartError(
      `${dir} is there, but it is no database of ours: move it away, or set DATABASE_URL.`,
    );
  }
  const making = `${dir}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { mode: 0o700 });
  runner.give(making);
  const password = randomBytes(32).toString('base64url');
  await finish(runner.spawn(binaries.initdb, initArguments(making), quiet), 'initdb');
  const single = runner.spawn(binaries.postgres, ['--single', '-D', making, 'postgres'], withInput);
  single.stdin?.on('error', () => {});
  single.stdin?.end(roles(password));
  await finish(single, 'postgres --single');
  writeFileSync(join(making, 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n');
  writeFileSync(join(making, 'password'), `${password}\n`, { mode: 0o600 });
  runner.give(making);
  renameSync(making, dir);
  return { password };
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new StartError(
      `${file} cannot be read: start as the user who made the data folder, or as root.`,
      error,
    );
  }
}

export function clusterUrl(cluster: Cluster, port: number, role = name, database = name): string {
  return `postgres://${role}:${cluster.password}@127.0.0.1:${port}/${database}?sslmode=disable`;
}

const quiet = { stdio: ['ignore', 'pipe', 'pipe'] as ('ignore' | 'pipe')[] };
const withInput = { stdio: ['pipe', 'pipe', 'pipe'] as 'pipe'[] };

/**
 * Text is compared by code point, and lower case works for every script, whatever the machine's locale.
 * The character classes of trigrams come from the locale though: under `C` Cyrillic has no trigrams at all.
 */
function initArguments(dir: string): string[] {
  return [
    `--pgdata=${dir}`,
    '--username=postgres',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    `--locale=${process.platform === 'linux' ? 'C.UTF-8' : 'en_US.UTF-8'}`,
    '--lc-messages=C',
    '--auth=trust',
    '--no-instructions',
  ];
}

function roles(password: string): string {
  return [
    `alter role postgres password '${password}';`,
    `create role ${name} login password '${password}';`,
    `create database ${name} owner ${name};`,
    '',
  ].join('\n');
}

const keptOutput = 4000;

/** Waits for the end of a program; a failure is told with what it wrote last. */
async function finish(program: ChildProcess, what: string): Promise<void> {
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-keptOutput);
  };
  program.stdout?.on('data', keep);
  program.stderr?.on('data', keep);
  const code = await new Promise((done, failed) => {
    program.on('error', failed);
    program.on('close', done);
  }).catch((error: unknown) => error);
  // Alone, `postgres` answers a statement that failed with a line and goes on.
  if (code === 0 && !/^ERROR:/m.test(output)) return;
  const why = code instanceof Error ? code.message : output.trim().split('\n').slice(-5).join(' ');
  throw new StartError(`The embedded PostgreSQL could not be made: ${what} failed: ${why}`);
}

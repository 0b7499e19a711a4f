import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endWithUs, inheritedEnvironment } from '../../ops/cluster/child.ts';
import { nodeOptions } from './node-options.ts';

const root = join(import.meta.dirname, '..', '..');

/** A Suhbat in a process and process group of its own. */
export interface Program {
  readonly pid: number;
  /** Everything it has written so far. */
  stdout(): string;
  stderr(): string;
  /** The URL of the ready line; rejects with its output when it ends before that. */
  ready(): Promise<string>;
  /** How it ended: the exit code, or the signal's name. */
  ended(): Promise<number | NodeJS.Signals>;
  signal(signal: NodeJS.Signals): void;
  /** `kill -9` of its whole group and of PostgreSQL, which has its own; harmless when they are gone. */
  kill(): void;
}

export interface ProgramOptions {
  /** Settings; the port is free and the log quiet unless they say otherwise. */
  env?: Record<string, string>;
  args?: string[];
  /** Another program than Suhbat itself, relative to the project. */
  script?: string;
  /** Through `npm start`: signals then go to npm. */
  npm?: boolean;
}

/** Starts `ops/main.ts` as `npm start` does, without the settings of whoever runs the tests. */
export function startProgram(options: ProgramOptions = {}): Program {
  const { env = {}, args = [], script = 'ops/main.ts', npm = false } = options;
  const command = npm ? 'npm' : process.execPath;
  const child = spawn(
    command,
    npm ? ['start', '--', ...args] : [...nodeOptions(root), join(root, script), ...args],
    {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...inheritedEnvironment(process.env),
        SUHBAT_PORT: '0',
        SUHBAT_LOG_LEVEL: 'warn',
        SUHBAT_BCRYPT_COST: '4',
        ...env,
      },
    },
  );
  endWithUs(child);
  return follow(child, env.SUHBAT_DATA_DIR);
}

function follow(child: ChildProcess, dataDir: string | undefined): Program {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text) => (output.stderr += text));
  const pid = child.pid ?? 0;
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const url = () => /^suhbat ready (\S+)/m.exec(output.stdout)?.[1];

  return {
    pid,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    async ready() {
      const found = new Promise<string>((resolve) => {
        const look = () => {
          const there = url();
          if (there !== undefined) resolve(there);
        };
        child.stdout?.on('data', look);
        look();
      });
      const early = ended.then((how) => {
        throw new Error(`It ended before it was ready (${how}):\n${output.stderr}${output.stdout}`);
      });
      return Promise.race([found, early]);
    },
    ended: () => ended,
    signal(signal) {
      if (child.exitCode === null && child.signalCode === null) process.kill(pid, signal);
    },
    kill() {
      const postgres = dataDir === undefined ? [] : processesOf(join(dataDir, 'postgres'));
      // The group may outlive its leader.
      for (const each of [-pid, ...postgres]) killHard(each);
    },
  };
}

/** An id that is gone throws, and that is what was wanted. */
function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

/** The ids of running processes whose command line or working folder names this folder (Linux). */
export function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandLine(pid).includes(folder));
}

/** Empty for a process that is gone, or a zombie: it has none. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

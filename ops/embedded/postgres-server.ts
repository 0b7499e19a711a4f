import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../process/clock.ts';
import { readPidFile } from './postgres-processes.ts';
import type { Runner } from './postgres-runner.ts';

/** One run of the server program, from its start to its end. */
export interface Server {
  readonly pid: number;
  /** Resolves when it has ended, whatever the reason, with a word on how. */
  readonly ended: Promise<string>;
  /** Resolves when it takes connections; rejects with NotStarted when it ended or took too long. */
  ready(timeoutMs: number): Promise<void>;
  /** Fast shutdown: transactions are rolled back, everything is written. At last by force. */
  stop(timeoutMs: number): Promise<void>;
}

/** `output` is what the server wrote last. */
export class NotStarted extends Error {
  readonly output: string;

  constructor(message: string, output: string) {
    super(message);
    this.name = 'NotStarted';
    this.output = output;
  }
}

export interface ServerOptions {
  program: string;
  dir: string;
  port: number;
  settings: Record<string, string>;
  runner: Runner;
  clock: Clock;
  onLog(line: string): void;
}

const keptLines = 10;

export function startServer(options: ServerOptions): Server {
  const { dir, port, clock } = options;
  // In a session of its own: Ctrl-C in a terminal reaches the whole process group, and PostgreSQL must stay
  // until we have drained.
  const child = options.runner.spawn(options.program, serverArguments(dir, port, options.settings), {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const pid = child.pid ?? 0;
  const lines: string[] = [];
  if (child.stderr !== null) {
    createInterface(child.stderr).on('line', (line) => {
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
      options.onLog(line);
    });
  }
  let over: string | undefined;
  const ended = endOf(child).then((how) => {
    over = how;
    return how;
  });
  if (child.pid !== undefined) endWithUs(child, child.pid);

  async function endsWithin(ms: number): Promise<boolean> {
    const inTime = new AbortController();
    const tooLong = pause(ms, false, { signal: inTime.signal }).catch(() => false);
    return Promise.race([ended.then(() => true), tooLong]).finally(() => inTime.abort());
  }

  return {
    pid,
    ended,
    async ready(timeoutMs) {
      const until = clock.monotonic() + timeoutMs;
      for (;;) {
        const [owner, , , , , , , status] = await readPidFile(dir);
        if (over !== undefined) throw new NotStarted(`it ended with ${over}`, lines.join('\n'));
        if (owner === String(pid) && status?.trim() === 'ready') return;
        if (clock.monotonic() >= until)
          throw new NotStarted(`not ready within ${timeoutMs} ms`, lines.join('\n'));
        await pause(10);
      }
    },
    async stop(timeoutMs) {
      for (const [signal, ms] of [
        ['SIGINT', timeoutMs],
        ['SIGQUIT', 2000],
        ['SIGKILL', 2000],
      ] as const) {
        child.kill(signal);
        if (await endsWithin(ms)) return;
      }
    },
  };
}

/** Its children may hold its output open beyond its end: the last lines are waited for, but not for long. */
async function endOf(child: ChildProcess): Promise<string> {
  const closed = new Promise<void>((done) => void child.on('close', () => done()));
  const how = await new Promise<string>((done) => {
    child.on('error', (error) => done(error.message));
    child.on('exit', (code, signal) => done(signal ?? `exit code ${code}`));
  });
  await Promise.race([closed, pause(200)]);
  return how;
}

/**
 * A small shell that ends the server when this process has ended without doing so (a crash, kill -9 of its
 * whole group): then the pipe that only we hold closes, and `read` returns.
 */
function endWithUs(server: ChildProcess, pid: number): void {
  const script = `trap '' INT TERM HUP; read -r _; kill -INT ${pid}`;
  const watcher = spawn('/bin/sh', ['-c', script], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.on('error', () => {});
  watcher.stdin.on('error', () => {});
  watcher.unref();
  server.on('exit', () => watcher.kill('SIGKILL'));
}

/**
 * Sized for a laptop that runs other things too, durable, and quiet: PostgreSQL's own ERROR lines quote
 * values (`log` ranks above `error` there: start, stop, checkpoints and crashes are still told).
 */
const defaults: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  max_wal_size: '256MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  wal_compression: 'on',
  max_parallel_workers_per_gather: '0',
  io_method: 'sync',
  jit: 'off',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
  log_line_prefix: '',
  lc_messages: 'C',
};

function serverArguments(dir: string, port: number, settings: Record<string, string>): string[] {
  const all = Object.entries({ ...defaults, ...settings, port: String(port) });
  return ['-D', dir, ...all.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { findProgram } from './find-program.ts';
import { freePort } from './free-port.ts';
import { endWithTests } from './process.ts';

/** A real nats-server or redis-server of one test or file, with a folder and a port of its own. */
export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Its folder, which goes with it. */
  readonly dir: string;
  /** Its process now; it has another one after `restart`. */
  readonly pid: number;
  signal(signal: NodeJS.Signals): void;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it as an operator does (SIGTERM); resolves when it is gone. */
  end(): Promise<void>;
  /** Starts it again on its port and folder; resolves when it takes connections. */
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** With JetStream, whose files are in its folder. `args` come after ours. */
export function startNats(args: readonly string[] = []): Promise<TestServer> {
  return startServer('nats', (port, dir) => ({
    program: findProgram('nats-server'),
    args: ['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', dir, ...args],
  }));
}

/** Keeps nothing on disk. */
export function startRedis(args: readonly string[] = []): Promise<TestServer> {
  return startServer('redis', (port, dir) => ({
    program: findProgram('redis-server'),
    args: ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--save', '', ...args],
  }));
}

async function startServer(
  scheme: 'nats' | 'redis',
  command: (port: number, dir: string) => { program: string; args: readonly string[] },
): Promise<TestServer> {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), `suhbat-${scheme}-`));
  const { program, args } = command(port, dir);
  let child: ChildProcess | undefined;
  let output = '';

  const alive = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  const pid = () => child?.pid ?? 0;

  async function start(): Promise<void> {
    output = '';
    child = spawn(program, args, { cwd: dir, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += text));
    endWithTests(child);
    await eventually(async () => {
      if (!alive()) throw new Error(`${program} ended:\n${output}`);
      return takesConnections(port);
    });
  }

  async function finish(signal: NodeJS.Signals): Promise<void> {
    if (child === undefined || !alive()) return;
    const gone = once(child, 'exit');
    process.kill(pid(), signal);
    // One that a test has stopped takes no other signal.
    if (signal !== 'SIGKILL') process.kill(pid(), 'SIGCONT');
    await gone;
  }

  await start();
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    dir,
    get pid() {
      return pid();
    },
    signal: (signal) => void process.kill(pid(), signal),
    kill: () => finish('SIGKILL'),
    end: () => finish('SIGTERM'),
    start,
    async stop() {
      await finish('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../process/free-port.ts';
import { type Child, startChild } from './child.ts';
import { findProgram } from './find-program.ts';

/** A nats-server or redis-server on a port of its own, which it keeps over restarts. */
export interface Server {
  readonly url: string;
  readonly port: number;
  /** Its process now; it has another one after `start`. 0: it does not run. */
  readonly pid: number;
  /** SIGSTOP; resolves when it answers nothing any more. */
  pause(): Promise<void>;
  resume(): void;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it as an operator does (SIGTERM); resolves when it is gone. */
  end(): Promise<void>;
  /** Starts it again; resolves when it takes connections. */
  start(): Promise<void>;
}

interface Options {
  /** Its folder, which must be there. */
  dir: string;
  /** Arguments after ours. */
  args?: readonly string[];
}

const startMs = 10_000;
const lookMs = 20;

/** With JetStream, whose files are in its folder. */
export function startNatsServer({ dir, args = [] }: Options): Promise<Server> {
  return startServer('nats', dir, findProgram('nats-server'), (port) => [
    ...['--addr', '127.0.0.1', '--port', String(port)],
    ...['--jetstream', '--store_dir', dir],
    ...args,
  ]);
}

/** Keeps nothing on disk. */
export function startRedisServer({ dir, args = [] }: Options): Promise<Server> {
  return startServer('redis', dir, findProgram('redis-server'), (port) => [
    ...['--bind', '127.0.0.1', '--port', String(port)],
    ...['--dir', dir, '--save', '', '--appendonly', 'no'],
    ...args,
  ]);
}

async function startServer(
  scheme: 'nats' | 'redis',
  dir: string,
  program: string,
  argumentsFor: (port: number) => readonly string[],
): Promise<Server> {
  const port = await freePort();
  let child: Child | undefined;

  async function start(): Promise<void> {
    let output = '';
    const own = startChild(program, argumentsFor(port), { cwd: dir }, (text) => {
      output = `${output}${text}`.slice(-outputMost);
    });
    child = own;
    for (const until = performance.now() + startMs; ; await sleep(lookMs)) {
      const taken = await takesConnections(port);
      // Where it has ended, somebody else takes them.
      if (!own.alive()) throw new Error(`${program} ended:\n${output}`);
      if (taken) return;
      if (performance.now() > until) throw new Error(`${program} takes no connections:\n${output}`);
    }
  }

  await start();
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    get pid() {
      return child?.alive() ? child.pid : 0;
    },
    pause: async () => child?.pause(),
    resume: () => child?.signal('SIGCONT'),
    kill: async () => child?.finish('SIGKILL'),
    end: async () => child?.finish('SIGTERM'),
    start,
  };
}

const outputMost = 10_000;

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket
      .once('error', () => resolve(false))
      .once('connect', () => {
        socket.destroy();
        resolve(true);
      });
  });
}

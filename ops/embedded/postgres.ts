import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, systemClock } from '../process/clock.ts';
import { freePort } from '../process/free-port.ts';
import { StartError } from '../process/start-error.ts';
import { findBinaries } from './postgres-binaries.ts';
import { clusterUrl, openCluster } from './postgres-cluster.ts';
import { endLeftovers, signalAll } from './postgres-processes.ts';
import { chooseRunner } from './postgres-runner.ts';
import { NotStarted, type Server, type ServerOptions, startServer } from './postgres-server.ts';

export interface EmbeddedPostgresOptions {
  /** The database folder, `<data>/postgres`. The lock of the data folder must be held. */
  dir: string;
  onLog(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
  clock?: Clock;
  /** Settings of PostgreSQL that go before our own; tests turn fsync off. */
  settings?: Record<string, string>;
}

export interface EmbeddedPostgres {
  /** Of the program's own database, as its owner. The same as long as this object lives. */
  readonly url: string;
  /** As the superuser, on the database `postgres`. */
  readonly adminUrl: string;
  /** Of the server that runs now; undefined between a crash and the next start. */
  pid(): number | undefined;
  /** Whether that server has said that it takes connections; one that is paused has said so too. */
  ready(): boolean;
  /**
   * To all of its processes; harmless where none runs. For faults made on purpose: SIGSTOP pauses it, SIGCONT lets it
   * go on, SIGKILL ends it, and it is started again.
   */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): Promise<void>;
  /** Ends the server as `stop` does, for it to be started again at once; resolves when it has ended. */
  restart(timeoutMs?: number): Promise<void>;
  /** Stops the server, a paused one too: fast, then by force. Default 5 s until then. */
  stop(timeoutMs?: number): Promise<void>;
}

/** One start, repairs after a crash included. */
const startTimeoutMs = 60_000;

/**
 * A PostgreSQL of our own in a folder, made at the first start and kept. It listens on a free port of
 * 127.0.0.1 with a random password, in a session of its own, and ends soon after this process however that
 * ends. When it ends by itself it is started again on the same port, so a pool finds it.
 *
 * Whatever an earlier process left running on the folder is ended first. StartError when it cannot start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { onLog, clock = systemClock, settings = {} } = options;
  const dir = resolve(options.dir);
  const binaries = findBinaries();
  const runner = chooseRunner(dir, [binaries.postgres]);
  const cluster = await openCluster(dir, binaries, runner);
  await clearLeftovers(options, clock);

  const base = { program: binaries.postgres, dir, settings, runner, clock };
  const serverOptions = { ...base, onLog: (line: string) => onLog('debug', line) };
  const { server: first, port } = await startOnFreePort(serverOptions, startTimeoutMs);
  let server: Server | undefined = first;
  let ready = true;
  const stopping = new AbortController();
  const supervising = supervise(first);

  /** Starts it again whenever it ends: at once after a steady run, else with growing pauses. */
  async function supervise(running: Server): Promise<void> {
    let current = running;
    for (let pauseMs = 0; ; ) {
      const since = clock.monotonic();
      const how = await current.ended;
      server = undefined;
      ready = false;
      if (stopping.signal.aborted) return;
      onLog('warn', `PostgreSQL ended by itself (${how}); starting it again`);
      const steady = clock.monotonic() - since > steadyMs;
      pauseMs = steady ? 0 : Math.min(Math.max(pauseMs * 2, shortestPauseMs), longestPauseMs);
      await pause(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      current = await startAgain();
    }
  }

  async function startAgain(): Promise<Server> {
    await clearLeftovers(options, clock).catch((error: Error) => onLog('error', error.message));
    const next = startServer({ ...serverOptions, port });
    server = next;
    try {
      if (stopping.signal.aborted) await next.stop(0);
      await next.ready(startTimeoutMs);
      ready = true;
      onLog('info', 'PostgreSQL is back');
    } catch (error) {
      const why = error instanceof NotStarted ? tell(error) : String(error);
      if (!stopping.signal.aborted) onLog('error', `PostgreSQL did not come back: ${why}`);
      await next.stop(0);
    }
    return next;
  }

  /** What is stopped hears nothing until it goes on. */
  async function end(timeoutMs: number): Promise<void> {
    await signalAll(dir, 'SIGCONT');
    await server?.stop(timeoutMs);
  }

  return {
    url: clusterUrl(cluster, port),
    adminUrl: clusterUrl(cluster, port, 'postgres', 'postgres'),
    pid: () => server?.pid,
    ready: () => ready,
    signal: (signal) => signalAll(dir, signal),
    restart: (timeoutMs = 5000) => end(timeoutMs),
    async stop(timeoutMs = 5000) {
      stopping.abort();
      await end(timeoutMs);
      await supervising;
    },
  };
}

const steadyMs = 10_000;
const shortestPauseMs = 50;
const longestPauseMs = 5000;
const portTries = 5;

async function clearLeftovers({ dir, onLog }: EmbeddedPostgresOptions, clock: Clock): Promise<void> {
  const ended = await endLeftovers(resolve(dir), clock);
  if (ended > 0) onLog('warn', `ended ${ended} processes that an earlier PostgreSQL left on ${dir}`);
}

async function startOnFreePort(
  options: Omit<ServerOptions, 'port'>,
  timeoutMs: number,
): Promise<{ server: Server; port: number }> {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const server = startServer({ ...options, port });
    try {
      await server.ready(timeoutMs);
      return { server, port };
    } catch (error) {
      await server.stop(0);
      if (!(error instanceof NotStarted)) throw error;
      // Somebody took the port between our look and PostgreSQL's.
      if (error.output.includes('Address already in use') && tries < portTries) continue;
      throw new StartError(`The embedded PostgreSQL in ${options.dir} did not start: ${tell(error)}`, error);
    }
  }
}

function tell(error: NotStarted): string {
  const fatal = error.output.split('\n').filter((line) => /^(FATAL|PANIC):/.test(line));
  return [error.message, ...fatal].join('; ');
}

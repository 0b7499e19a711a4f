import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { untilStopped } from '../process/until-stopped.ts';

/** A program in a process group of its own, which ends with this process however that ends. */
export interface Child {
  readonly pid: number;
  alive(): boolean;
  /** The exit code, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Harmless where it is gone. */
  signal(signal: NodeJS.Signals): void;
  /** SIGSTOP; resolves when it does nothing any more. Rejects, and lets it go on, after 5 s. Harmless where it is gone. */
  pause(): Promise<void>;
  /** Ends it by this signal, also when it is stopped; resolves when it is gone. */
  finish(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

export function startChild(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
  onOutput: (text: string) => void,
): Child {
  const child = spawn(program, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', onOutput);
  const failed = once(child, 'error').then(([error]) => {
    throw error;
  });
  failed.catch(() => undefined);
  const closed = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const ended = Promise.race([closed, failed]);
  ended.catch(() => undefined);
  endWithUs(child);
  const alive = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const signal = (name: NodeJS.Signals) => {
    if (alive()) process.kill(child.pid as number, name);
  };
  return {
    pid: child.pid ?? 0,
    alive,
    ended,
    signal,
    async pause() {
      signal('SIGSTOP');
      try {
        await untilStopped(child.pid ?? 0);
      } catch (error) {
        signal('SIGCONT');
        throw error;
      }
    },
    async finish(name) {
      signal(name);
      // One that was stopped hears nothing until it goes on.
      if (name !== 'SIGKILL') signal('SIGCONT');
      await ended.catch(() => undefined);
    },
  };
}

/** A group of its own would outlive us if we were killed: a shell that notices our end takes it along. */
export function endWithUs(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const script = `trap '' INT TERM HUP; read -r _; kill -9 -${child.pid}`;
  const watcher = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  watcher.unref();
  (watcher.stdin as unknown as { unref?(): void }).unref?.();
  child.once('exit', () => watcher.kill('SIGKILL'));
}

/** What a child of ours may know of our environment: no settings. */
export function inheritedEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'USER'];
  return Object.fromEntries(names.map((name) => [name, environment[name] ?? '']));
}

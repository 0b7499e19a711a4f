import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, inheritedEnvironment, startChild } from './child.ts';

const ownRoot = join(import.meta.dirname, '..', '..');

/** `down`: it ended, or was ended. */
export type NodeState = 'starting' | 'ready' | 'paused' | 'down';

/** One Suhbat process of a local cluster. */
export interface Node {
  /** Such as `actors-2`. */
  readonly name: string;
  readonly role: string;
  readonly state: NodeState;
  /** 0: it does not run. */
  readonly pid: number;
  /** Where clients reach a gateway, and operators the others, once it is ready. */
  readonly url: string | undefined;
  /** Where its health and metrics are while it runs: another process may have the port afterwards. */
  readonly opsUrl: string | undefined;
  /** Starts it, where it is down. Resolves when it is ready; rejects with its last output when it ended before. */
  start(): Promise<void>;
  /** SIGSTOP; resolves when it does nothing any more. */
  pause(): Promise<void>;
  resume(): void;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM: it drains. Resolves with its exit code when it is gone. */
  end(): Promise<number | NodeJS.Signals | undefined>;
}

export interface NodeOptions {
  name: string;
  role: string;
  /** Its settings; nothing else of our environment reaches it. */
  env: Record<string, string>;
  /** The checkout that runs; this one unless said otherwise. */
  root?: string;
  /** Every line that it writes to standard error: its log. */
  onLine?(line: string): void;
}

const outputMost = 10_000;

export function createNode({ name, role, env, root = ownRoot, onLine }: NodeOptions): Node {
  let child: Child | undefined;
  let state: NodeState = 'down';
  let urls: { url: string | undefined; opsUrl: string | undefined } | undefined;

  async function start(): Promise<void> {
    if (child?.alive()) return;
    state = 'starting';
    urls = undefined;
    let output = '';
    let rest = '';
    let ready = () => {};
    const became = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const settings = { ...inheritedEnvironment(process.env), ...env };
    const own = startChild(process.execPath, startArguments(root), { cwd: root, env: settings }, (text) => {
      output = `${output}${text}`.slice(-outputMost);
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('{')) onLine?.(line);
        if (!/^suhbat ready/m.test(line)) continue;
        urls = urlsOf(output);
        ready();
      }
    });
    child = own;
    const over = own.ended.then((how) => {
      if (child === own) state = 'down';
      throw new Error(`${name} ended (${how}):\n${output}`);
    });
    over.catch(() => undefined);
    await Promise.race([became, over]);
    state = 'ready';
  }

  async function finish(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await child?.finish(signal);
    state = 'down';
  }

  return {
    name,
    role,
    get state() {
      return state;
    },
    get pid() {
      return child?.alive() ? child.pid : 0;
    },
    get url() {
      return urls?.url;
    },
    get opsUrl() {
      return child?.alive() ? urls?.opsUrl : undefined;
    },
    start,
    async pause() {
      if (state !== 'ready') return;
      await child?.pause();
      // It may have ended meanwhile.
      if (state === 'ready') state = 'paused';
    },
    resume() {
      if (state !== 'paused') return;
      child?.signal('SIGCONT');
      state = 'ready';
    },
    kill: () => finish('SIGKILL'),
    async end() {
      await finish('SIGTERM');
      return child?.ended;
    },
  };
}

/** As `npm start` runs it. */
function startArguments(root: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: { start: string };
  };
  return [...scripts.start.split(' ').filter((word) => word.startsWith('--')), join(root, 'ops', 'main.ts')];
}

/** `suhbat ready URL` is what clients use, `suhbat operators URL` is where health and metrics are. */
function urlsOf(output: string): { url: string | undefined; opsUrl: string | undefined } {
  return {
    url: /^suhbat ready (http\S+)/m.exec(output)?.[1],
    opsUrl: /^suhbat operators (http\S+)/m.exec(output)?.[1],
  };
}

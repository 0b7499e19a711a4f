import type { EmbeddedPostgres } from '../embedded/postgres.ts';
import type { Cluster } from './cluster.ts';
import type { Node, NodeState } from './node.ts';
import type { Server } from './server.ts';

/** What the keys select and hurt: a process of Suhbat, or one of the servers. */
export interface Target {
  /** Empty where all keys are given away. */
  readonly key: string;
  readonly name: string;
  /** Undefined for servers. */
  readonly node?: Node;
  state(): NodeState;
  /** 0: it does not run. */
  pid(): number;
  /** Without a password. */
  url(): string | undefined;
  /** `kill -9`. */
  kill(): Promise<unknown>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** As an operator ends it; resolves when it is gone. */
  end(): Promise<unknown>;
  /** Starts it where it is down. */
  start(): Promise<unknown>;
}

type Hurt = Omit<Target, 'key'>;

/** One a target, in the order of the table; the other letters are commands. */
export const keys = '123456789abcdefhij';

/** Gives the targets there are now: processes may be added. */
export function createTargets(cluster: Omit<Cluster, 'add' | 'stop'>): () => Target[] {
  const servers = [
    serverTarget('nats-server', cluster.nats),
    serverTarget('redis-server', cluster.redis),
    postgresTarget(cluster.postgres),
  ];
  return () =>
    [...cluster.nodes.map(nodeTarget), ...servers].map((target, at) => ({ ...target, key: keys[at] ?? '' }));
}

function nodeTarget(node: Node): Hurt {
  return {
    name: node.name,
    node,
    state: () => node.state,
    pid: () => node.pid,
    url: () => node.url,
    kill: () => node.kill(),
    pause: () => node.pause(),
    resume: async () => node.resume(),
    end: () => node.end(),
    start: () => node.start(),
  };
}

function serverTarget(name: string, server: Server): Hurt {
  let paused = false;
  const gone = () => {
    paused = false;
  };
  return {
    name,
    state: () => (server.pid === 0 ? 'down' : paused ? 'paused' : 'ready'),
    pid: () => server.pid,
    url: () => server.url,
    kill: () => server.kill().finally(gone),
    async pause() {
      await server.pause();
      paused = server.pid !== 0;
    },
    async resume() {
      server.resume();
      paused = false;
    },
    end: () => server.end().finally(gone),
    start: async () => (server.pid === 0 ? server.start() : undefined),
  };
}

/** Its supervisor starts it again whenever it ends, so `start` has nothing to do. */
function postgresTarget(postgres: EmbeddedPostgres): Hurt {
  const url = new URL(postgres.url);
  url.password = '';
  url.search = '';
  /** The process that is paused: the next one is not. */
  let paused: number | undefined;
  return {
    name: 'postgresql',
    state() {
      const pid = postgres.pid();
      if (pid === undefined) return 'down';
      if (pid === paused) return 'paused';
      return postgres.ready() ? 'ready' : 'starting';
    },
    pid: () => postgres.pid() ?? 0,
    url: () => url.href,
    kill: () => postgres.signal('SIGKILL'),
    async pause() {
      const pid = postgres.pid();
      await postgres.signal('SIGSTOP');
      paused = pid;
    },
    async resume() {
      paused = undefined;
      await postgres.signal('SIGCONT');
    },
    async end() {
      paused = undefined;
      await postgres.restart();
    },
    async start() {},
  };
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Server, startNatsServer, startRedisServer } from '../../ops/cluster/server.ts';

/** A real nats-server or redis-server of one test or file, with a folder of its own. */
export interface TestServer extends Server {
  /** Its folder, which goes with it. */
  readonly dir: string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** With JetStream. `args` come after ours. */
export function startNats(args: readonly string[] = []): Promise<TestServer> {
  return start('nats', (dir) => startNatsServer({ dir, args }));
}

/** Keeps nothing on disk. */
export function startRedis(args: readonly string[] = []): Promise<TestServer> {
  return start('redis', (dir) => startRedisServer({ dir, args }));
}

async function start(name: string, run: (dir: string) => Promise<Server>): Promise<TestServer> {
  const dir = await mkdtemp(join(tmpdir(), `suhbat-${name}-`));
  const server = await run(dir);
  return {
    ...server,
    dir,
    get pid() {
      return server.pid;
    },
    async stop() {
      await server.kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

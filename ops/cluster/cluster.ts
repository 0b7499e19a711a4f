import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Role } from '../config/fields.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/postgres.ts';
import { createNode, type Node } from './node.ts';
import { type Server, startNatsServer, startRedisServer } from './server.ts';

export interface PartsOptions {
  /** Keeps the journal and the processes' folders; it must be ours alone. */
  dir: string;
  /** How many processes of each role. */
  counts: Record<Role, number>;
  /** Settings of every process; SUHBAT_TOKEN_KEY and SUHBAT_REFRESH_SECRET must be among them. */
  env: Record<string, string>;
  /** Settings of one process, in place of those above and of `urls`, where the servers are. */
  envOf?(name: string, role: Role, urls: Urls): Promise<Record<string, string>>;
  onLine?(name: string, line: string): void;
  /** What is being started. */
  onStep?(what: string): void;
  /** The checkout whose Suhbat runs; this one unless said otherwise. */
  root?: string;
}

export interface ClusterOptions extends PartsOptions {
  /** Settings of PostgreSQL that go before our own. */
  postgres?: Record<string, string>;
}

export type Urls = Record<'NATS_URL' | 'REDIS_URL' | 'DATABASE_URL', string>;

/** A cluster on this machine but for its database, on free ports of the loopback address. */
export interface Parts {
  readonly nats: Server;
  readonly redis: Server;
  /** In the order in which they were added. */
  readonly nodes: readonly Node[];
  /** One more process, started. */
  add(role: Role): Promise<Node>;
  /** Ends the processes, each with its drain, then the servers that were started. */
  stop(): Promise<void>;
}

/** A whole cluster, with a PostgreSQL of its own in the same folder. */
export interface Cluster extends Parts {
  readonly postgres: EmbeddedPostgres;
}

/** What PostgreSQL must take: each process with its pool, lanes and look-ups, and people. */
const databaseConnections = '300';

/** Rejects where a part does not start, with nothing left running. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  options.onStep?.('PostgreSQL');
  const settings = { max_connections: databaseConnections, ...options.postgres };
  const dir = join(options.dir, 'postgres');
  const postgres = await startEmbeddedPostgres({ dir, settings, onLog() {} });
  try {
    const parts = await startClusterOn(postgres.url, options);
    return {
      ...parts,
      postgres,
      async stop() {
        await parts.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** nats-server sets so much of the disk aside at once, and takes three quarters of what is free at the most. */
const journalMax = 2 * 1024 ** 3;

/** The same on a database that somebody else runs. */
export async function startClusterOn(databaseUrl: string, options: PartsOptions): Promise<Parts> {
  const { dir, counts, env, onLine, onStep = () => {} } = options;
  const stops: (() => Promise<unknown>)[] = [];
  const nodes: Node[] = [];
  const made = { gateway: 0, actors: 0, services: 0 };

  async function stop(): Promise<void> {
    await Promise.all(nodes.map((node) => (node.state === 'down' ? undefined : node.end())));
    for (const end of stops.splice(0).reverse()) await end();
  }

  async function folder(name: string): Promise<string> {
    const path = join(dir, name);
    await mkdir(path, { recursive: true });
    return path;
  }

  async function begin(): Promise<Parts> {
    onStep('nats-server');
    const nats = await startNatsServer({ dir: await folder('nats') });
    stops.push(() => nats.end());
    onStep('redis-server');
    const redis = await startRedisServer({ dir: await folder('redis') });
    stops.push(() => redis.end());

    // One folder for all: they are on one machine.
    const mediaDir = await folder('media');
    const urls: Urls = { NATS_URL: nats.url, REDIS_URL: redis.url, DATABASE_URL: databaseUrl };

    async function make(role: Role): Promise<Node> {
      const name = `${role}-${++made[role]}`;
      const node = createNode({
        name,
        role,
        env: {
          SUHBAT_PORT: '0',
          SUHBAT_OPS_PORT: '0',
          SUHBAT_MEDIA_DIR: mediaDir,
          SUHBAT_LOG_LEVEL: 'warn',
          SUHBAT_JOURNAL_MAX: String(journalMax),
          SUHBAT_DATA_DIR: join(dir, name),
          ...env,
          SUHBAT_ROLES: role,
          ...urls,
          ...(await options.envOf?.(name, role, urls)),
        },
        onLine: (line) => onLine?.(name, line),
        ...(options.root === undefined ? {} : { root: options.root }),
      });
      nodes.push(node);
      return node;
    }

    onStep('Suhbat');
    const roles = ['services', 'actors', 'gateway'] as const;
    for (const role of roles) for (let count = 0; count < counts[role]; count++) await make(role);
    await Promise.all(nodes.map((node) => node.start()));
    return {
      nats,
      redis,
      nodes,
      async add(role) {
        const node = await make(role);
        await node.start();
        return node;
      },
      stop,
    };
  }

  try {
    return await begin();
  } catch (error) {
    await Promise.all(nodes.map((node) => node.kill()));
    await stop();
    throw error;
  }
}

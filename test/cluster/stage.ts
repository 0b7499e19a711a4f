import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, startCluster } from '../../ops/cluster/cluster.ts';
import type { Node } from '../../ops/cluster/node.ts';
import type { Role } from '../../ops/config/fields.ts';
import { makeTokenKey } from '../../ops/config/token-key.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { type Mischief, meddleWithBus, noMischief } from './nats-meddler.ts';
import { type NetworkLink, startLink } from './network-link.ts';

/** The links of one process to its servers; each can be hurt by itself. */
export type LinksOf = Record<'nats' | 'postgres' | 'redis', NetworkLink>;

/** A cluster of real processes behind a balancer, with every network link of it in our hands. */
export interface Stage {
  readonly cluster: Cluster;
  readonly balancer: Balancer;
  links(node: Node): LinksOf;
  /** The processes of a role, as they were added. */
  nodes(role: Role): Node[];
  /** From now on, for the links of all processes to NATS. */
  meddle(mischief: Mischief): void;
  /** What the processes have logged at `error` and above, and how they ended unasked. */
  readonly complaints: string[];
  /** Ends everything and removes its folder. */
  close(): Promise<void>;
}

export interface StageOptions {
  counts?: Record<Role, number>;
  random(): number;
  env?: Record<string, string>;
  /** Settings of one process besides. */
  envOf?(name: string): Record<string, string>;
}

const prefix = 'suhbat-cluster-';
/** Losing what PostgreSQL committed is no fault that we make: a killed server keeps it without fsync too. */
const postgresSettings = { fsync: 'off', full_page_writes: 'off' };

export async function openStage(options: StageOptions): Promise<Stage> {
  const { counts = { gateway: 2, actors: 2, services: 1 }, random } = options;
  const dir = await mkdtemp(join(tmpdir(), prefix));
  const links = new Map<string, LinksOf>();
  const complaints: string[] = [];
  let mischief = noMischief;
  const meddle = meddleWithBus('suhbat.bus.', random, () => mischief);
  const closeLinks = async () => {
    for (const own of links.values()) for (const link of Object.values(own)) await link.close();
  };
  const port = (url: string) => Number(new URL(url).port);

  const cluster = await startCluster({
    dir,
    counts,
    postgres: postgresSettings,
    env: {
      SUHBAT_TOKEN_KEY: Buffer.from(makeTokenKey()).toString('base64'),
      SUHBAT_REFRESH_SECRET: randomBytes(32).toString('base64url'),
      SUHBAT_BCRYPT_COST: '4',
      SUHBAT_RATE_LIMIT_FACTOR: '1000',
      ...options.env,
    },
    async envOf(name, _, { NATS_URL, DATABASE_URL, REDIS_URL }) {
      const own = {
        nats: await startLink(port(NATS_URL), meddle),
        postgres: await startLink(port(DATABASE_URL)),
        redis: await startLink(port(REDIS_URL)),
      };
      links.set(name, own);
      return {
        NATS_URL: own.nats.url(NATS_URL),
        DATABASE_URL: own.postgres.url(DATABASE_URL),
        REDIS_URL: own.redis.url(REDIS_URL),
        ...options.envOf?.(name),
      };
    },
    onLine(name, line) {
      if (/"level":"(error|fatal)"/.test(line)) complaints.push(`${name}: ${line}`);
    },
  }).catch(async (error: unknown) => {
    await closeLinks();
    await rm(dir, { recursive: true, force: true });
    throw error;
  });
  const gateways = () => cluster.nodes.filter(({ role, url }) => role === 'gateway' && url !== undefined);
  const balancer = await startBalancer(() => gateways().map(({ url }) => port(url ?? '')));

  return {
    cluster,
    balancer,
    complaints,
    links: (node) => links.get(node.name) as LinksOf,
    nodes: (role) => cluster.nodes.filter((node) => node.role === role),
    meddle(next) {
      mischief = next;
    },
    async close() {
      for (const own of links.values()) for (const link of Object.values(own)) link.heal();
      for (const node of cluster.nodes) node.resume();
      await balancer.close();
      await cluster.stop();
      await closeLinks();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { shardOf } from '../../actors/client/shard-of.ts';
import { inheritedEnvironment, startChild } from '../../ops/cluster/child.ts';
import { type Cluster, startCluster } from '../../ops/cluster/cluster.ts';
import type { Node } from '../../ops/cluster/node.ts';
import { metricsOf, sumOf } from '../../ops/cluster/sample.ts';
import type { Role } from '../../ops/config/fields.ts';
import { makeTokenKey } from '../../ops/config/token-key.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import type { Generators } from './generators.ts';
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
  /** From now on this process hears no sign of life from that other one; without one, it hears all of them again. */
  hide(from: Node, other?: Node): void;
  /** Puts this process's wall clock so many milliseconds from the true one. */
  shiftClock(node: Node, ms: number): Promise<void>;
  /** `npm run journal` with the settings of this cluster. */
  journal(...args: string[]): Promise<{ code: number; output: string }>;
  /** While this runs, checkpoints may go back: the judge must know. */
  rewinding<T>(work: () => Promise<T>): Promise<T>;
  /** Grows when such a time begins, and when it ends. */
  readonly rewinds: number;
  /** The sum of one metric over all processes that answer. */
  count(metric: string): Promise<number>;
  /** How often a chat's shard was adopted: each time the chat goes on far above its head. */
  adoptions(chatId: string): number;
  /** What the processes have logged at `error` and above, and how they ended unasked. */
  readonly complaints: string[];
  /** Ends everything and removes its folder. */
  close(): Promise<void>;
}

export interface StageOptions {
  counts?: Record<Role, number>;
  generators: Generators;
  env?: Record<string, string>;
  /** Settings of one process besides. */
  envOf?(name: string): Record<string, string>;
  /** Hears every line that a process logs. */
  onLine?(name: string, line: string): void;
}

const prefix = 'suhbat-cluster-';
/** As a deployment has them by default. */
const shards = 64;
const preloads = [`--import ${join(import.meta.dirname, 'shifted-clock.ts')}`];
/** Losing what PostgreSQL committed is no fault that we make: a killed server keeps it without fsync too. */
const postgresSettings = { fsync: 'off', full_page_writes: 'off' };

export async function openStage(options: StageOptions): Promise<Stage> {
  const { counts = { gateway: 2, actors: 2, services: 1 }, generators } = options;
  const dir = await mkdtemp(join(tmpdir(), prefix));
  const links = new Map<string, LinksOf>();
  const complaints: string[] = [];
  let mischief = noMischief;
  /** By the name of a process: how the id of the one begins that it does not hear. */
  const hidden = new Map<string, string>();
  const adopted = new Map<number, number>();
  let rewinds = 0;
  const closeLinks = async () => {
    for (const own of links.values()) for (const link of Object.values(own)) await link.close();
  };
  const port = (url: string) => Number(new URL(url).port);

  const env = {
    SUHBAT_TOKEN_KEY: Buffer.from(makeTokenKey()).toString('base64'),
    SUHBAT_REFRESH_SECRET: randomBytes(32).toString('base64url'),
    SUHBAT_BCRYPT_COST: '4',
    SUHBAT_RATE_LIMIT_FACTOR: '1000',
    ...options.env,
  };
  const clockOf = (name: string) => join(dir, `${name}.clock`);

  const cluster = await startCluster({
    dir,
    counts,
    postgres: postgresSettings,
    env,
    async envOf(name, _, { NATS_URL, DATABASE_URL, REDIS_URL }) {
      const own = {
        nats: await startLink(
          port(NATS_URL),
          meddleWithBus(
            'suhbat.bus.',
            generators(`bus ${name}`),
            () => mischief,
            () => hidden.get(name),
          ),
        ),
        postgres: await startLink(port(DATABASE_URL)),
        redis: await startLink(port(REDIS_URL)),
      };
      links.set(name, own);
      return {
        NATS_URL: own.nats.url(NATS_URL),
        DATABASE_URL: own.postgres.url(DATABASE_URL),
        REDIS_URL: own.redis.url(REDIS_URL),
        CLOCK_SHIFT: clockOf(name),
        NODE_OPTIONS: [...preloads, options.env?.NODE_OPTIONS ?? ''].join(' ').trim(),
        ...options.envOf?.(name),
      };
    },
    onLine(name, line) {
      options.onLine?.(name, line);
      if (/"level":"(error|fatal)"/.test(line)) complaints.push(`${name}: ${line}`);
    },
  }).catch(async (error: unknown) => {
    await closeLinks();
    await rm(dir, { recursive: true, force: true });
    throw error;
  });
  const gateways = () => cluster.nodes.filter(({ role, url }) => role === 'gateway' && url !== undefined);
  const balancer = await startBalancer(() => gateways().map(({ url }) => port(url ?? '')));

  async function journal(...args: string[]) {
    const { nats, redis, postgres } = cluster;
    const child = startChild(
      process.execPath,
      [join(import.meta.dirname, '..', '..', 'ops', 'journal', 'main.ts'), ...args],
      {
        env: {
          ...inheritedEnvironment(process.env),
          ...env,
          SUHBAT_ROLES: 'actors',
          NATS_URL: nats.url,
          REDIS_URL: redis.url,
          DATABASE_URL: postgres.url,
        },
      },
      (text) => {
        output += text;
      },
    );
    let output = '';
    const code = Number(await child.ended);
    for (const [, shard] of output.matchAll(/^shard (\d+): adopted/gm))
      adopted.set(Number(shard), (adopted.get(Number(shard)) ?? 0) + 1);
    return { code, output };
  }

  return {
    cluster,
    balancer,
    journal,
    hide(from, other) {
      if (other === undefined) hidden.delete(from.name);
      else hidden.set(from.name, `${hostname()}-${other.pid}-`);
    },
    shiftClock: (node, ms) => writeFile(clockOf(node.name), String(ms)),
    async rewinding(work) {
      rewinds++;
      return await work().finally(() => rewinds++);
    },
    async count(metric) {
      const texts = await Promise.all(cluster.nodes.map(metricsOf));
      return texts.reduce((sum, text) => sum + sumOf(text ?? '', metric), 0);
    },
    get rewinds() {
      return rewinds;
    },
    adoptions: (chatId) => adopted.get(shardOf('chat', chatId, shards)) ?? 0,
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

import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rendezvous } from '../../actors/client/rendezvous.ts';
import { shardOf } from '../../actors/client/shard-of.ts';
import { startClusterOn } from '../../ops/cluster/cluster.ts';
import type { Node } from '../../ops/cluster/node.ts';
import type { Role } from '../../ops/config/fields.ts';
import { fields } from '../../ops/config/fields.ts';
import { metricSums, type Population, populationOf, settings } from './population.ts';
import { type ProfileWish, profiled } from './profiles.ts';
import type { Subject } from './subject.ts';

export interface SuhbatClusterOptions {
  /** The checkout whose Suhbat runs. */
  root: string;
  /** For the journal and the log. */
  folder: string;
  database: { url: string; pid: number };
  /** Processes of actors. */
  actors: number;
  profiles?: ProfileWish;
}

export interface SuhbatCluster extends Subject, Population {
  /** Its processes of actors, as they were started. */
  readonly actors: readonly Node[];
  /** Those of these chats that this process of actors should own, by who runs now. */
  chatsOf(node: Node, chats: readonly string[]): string[];
  /** Of all its processes: the sum of the samples of each name. */
  metrics(): Promise<Map<string, number>>;
}

/** Two, so that what is delivered crosses from one to the other. */
const gateways = 2;

/** A whole Suhbat of several processes, with nats-server and redis-server, beside a PostgreSQL measured apart. */
export async function startSuhbatCluster(options: SuhbatClusterOptions): Promise<SuhbatCluster> {
  const { root, folder, database, profiles } = options;
  if (profiles !== undefined) await mkdir(profiles.folder, { recursive: true });
  const log = createWriteStream(join(folder, 'cluster.log'), { flags: 'a' });
  /** By the names of the processes: as what they know each other. */
  const ids = new Map<string, string>();
  const parts = await startClusterOn(database.url, {
    dir: folder,
    root,
    counts: { gateway: gateways, actors: options.actors, services: 1 },
    env: { ...settings },
    envOf: async (_, role) => ({
      ...profiled(profiles, role),
      // They say who they are, and nothing more, at this level.
      ...(role === 'actors' ? { SUHBAT_LOG_LEVEL: 'info' } : {}),
    }),
    onLine(name, line) {
      log.write(`${name} ${line}\n`);
      const { msg, node } = JSON.parse(line) as { msg?: string; node?: string };
      if (msg === 'ready' && node !== undefined) ids.set(name, node);
    },
  });
  const of = (role: Role) => parts.nodes.filter((node) => node.role === role);
  const pids = (role: Role) => of(role).map(({ pid }) => pid);
  const ports = of('gateway').map(({ url = '' }) => Number(new URL(url).port));
  const url = `http://127.0.0.1:${ports[0]}`;
  const idsOf = (nodes: readonly Node[]) => nodes.map(({ name }) => ids.get(name) ?? '');
  return {
    name: 'suhbat',
    dialect: 'suhbat',
    acks: true,
    port: ports[0] ?? 0,
    pid: pids('gateway')[0] ?? 0,
    ports,
    get pids() {
      return { gateway: pids('gateway'), actors: pids('actors') };
    },
    get beside() {
      return {
        services: pids('services'),
        'nats-server': [parts.nats.pid],
        'redis-server': [parts.redis.pid],
      };
    },
    databasePid: database.pid,
    ...(profiles === undefined
      ? {}
      : {
          profile() {
            for (const pid of [...pids('gateway'), ...pids('actors')]) process.kill(pid, 'SIGUSR2');
          },
        }),
    ...populationOf({ url, database: database.url }),
    actors: of('actors'),
    chatsOf(node, chats) {
      const running = idsOf(of('actors').filter(({ state }) => state === 'ready'));
      const own = ids.get(node.name);
      return chats.filter(
        (chat) => rendezvous(shardOf('chat', chat, fields.shards.default), running) === own,
      );
    },
    metrics: () => metricSums(parts.nodes.flatMap(({ opsUrl }) => (opsUrl ? [`${opsUrl}/metrics`] : []))),
    async stop() {
      await parts.stop();
      log.end();
    },
  };
}

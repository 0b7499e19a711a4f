import { join } from 'node:path';
import { startRedisServer } from '../../ops/cluster/server.ts';
import type { DialectName } from '../driver/dialect.ts';
import { type Program, startProgram } from './program.ts';
import type { Subject } from './subject.ts';

export type PeerName =
  | 'floor: publish'
  | 'floor: durable'
  | 'ws'
  | 'socket.io'
  | 'socket.io: durable'
  | 'socket.io: Redis, not durable';

interface Peer {
  file: string;
  dialect: DialectName;
  acks: boolean;
  /** How many processes, beside a redis-server of their own; one without it unless said. */
  onRedis?: number;
}

const peers: Record<PeerName, Peer> = {
  'floor: publish': { file: 'floor-publish.ts', dialect: 'plain', acks: false },
  'floor: durable': { file: 'floor-durable.ts', dialect: 'plain', acks: true },
  ws: { file: 'ws.ts', dialect: 'plain', acks: true },
  'socket.io': { file: 'socket-io.ts', dialect: 'socket.io', acks: true },
  'socket.io: durable': { file: 'socket-io-durable.ts', dialect: 'socket.io', acks: true },
  'socket.io: Redis, not durable': {
    file: 'socket-io-redis.ts',
    dialect: 'socket.io',
    acks: true,
    onRedis: 2,
  },
};

export interface PeerOptions {
  /** For what it keeps, and for its log. */
  folder: string;
  /** The database of a durable one. */
  database?: { url: string; pid: number };
}

/** Peers know nobody: whoever connects says who he is and whose messages he wants. */
export async function startPeer(name: PeerName, { folder, database }: PeerOptions): Promise<Subject> {
  const { file, dialect, acks, onRedis } = peers[name];
  const start = (env: Record<string, string>) =>
    startProgram({
      args: [join(import.meta.dirname, '..', 'peers', file)],
      cwd: folder,
      env: { DATABASE_URL: database?.url ?? '', BENCH_LOG: join(folder, 'floor.journal'), ...env },
      log: join(folder, 'peer.log'),
    });
  const program = onRedis === undefined ? await start({}) : await startOnRedis(folder, onRedis, start);
  let [people, chats] = [0, 0];
  return {
    name,
    dialect,
    acks,
    ...program,
    ...(database === undefined ? {} : { databasePid: database.pid }),
    people: async (count) => Array.from({ length: count }, () => ({ id: `user-${++people}` })),
    chats: async (members) => members.map(() => `chat-${++chats}`),
  };
}

async function startOnRedis(
  folder: string,
  count: number,
  start: (env: Record<string, string>) => Promise<Program>,
): Promise<Program & Pick<Subject, 'ports' | 'pids' | 'beside'>> {
  const redis = await startRedisServer({ dir: folder });
  const programs = await Promise.all(Array.from({ length: count }, () => start({ REDIS_URL: redis.url })));
  return {
    ...(programs[0] as Program),
    ports: programs.map(({ port }) => port),
    pids: { 'Socket.IO': programs.map(({ pid }) => pid) },
    beside: { 'redis-server': [redis.pid] },
    async stop() {
      await Promise.all(programs.map((program) => program.stop()));
      await redis.end();
    },
  };
}

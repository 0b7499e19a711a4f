import { join } from 'node:path';
import type { DialectName } from '../driver/dialect.ts';
import { startProgram } from './program.ts';
import type { Subject } from './subject.ts';

export type PeerName = 'floor: publish' | 'floor: durable' | 'ws' | 'socket.io' | 'socket.io: durable';

interface Peer {
  file: string;
  dialect: DialectName;
  acks: boolean;
}

const peers: Record<PeerName, Peer> = {
  'floor: publish': { file: 'floor-publish.ts', dialect: 'plain', acks: false },
  'floor: durable': { file: 'floor-durable.ts', dialect: 'plain', acks: true },
  ws: { file: 'ws.ts', dialect: 'plain', acks: true },
  'socket.io': { file: 'socket-io.ts', dialect: 'socket.io', acks: true },
  'socket.io: durable': { file: 'socket-io-durable.ts', dialect: 'socket.io', acks: true },
};

export interface PeerOptions {
  /** For what it keeps, and for its log. */
  folder: string;
  /** The database of a durable one. */
  database?: { url: string; pid: number };
}

/** Peers know nobody: whoever connects says who he is and whose messages he wants. */
export async function startPeer(name: PeerName, { folder, database }: PeerOptions): Promise<Subject> {
  const { file, dialect, acks } = peers[name];
  const program = await startProgram({
    args: [join(import.meta.dirname, '..', 'peers', file)],
    cwd: folder,
    env: { DATABASE_URL: database?.url ?? '', BENCH_LOG: join(folder, 'floor.journal') },
    log: join(folder, 'peer.log'),
  });
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

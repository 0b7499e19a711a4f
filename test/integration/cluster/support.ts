import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Parts, startClusterOn } from '../../../ops/cluster/cluster.ts';
import type { Role } from '../../../ops/config/fields.ts';
import { makeTokenKey } from '../../../ops/config/token-key.ts';
import { createTestDatabase } from '../../support/database.ts';
import { closeSockets } from '../product/support/socket.ts';

/** Real processes: two gateways, which share nothing but their servers, before actors and services. */
export interface TwoGateways {
  readonly here: string;
  readonly there: string;
  readonly cluster: Parts;
  /** Its settings that all processes share, `DATABASE_URL` too: what an operator's program needs. */
  readonly env: Record<string, string>;
  /** Keeps the processes' folders. */
  readonly dir: string;
  /** What all of them have logged. */
  readonly logs: readonly string[];
  stop(): Promise<void>;
}

export async function startTwoGateways(options: {
  counts: Omit<Record<Role, number>, 'gateway'>;
  env: Record<string, string>;
}): Promise<TwoGateways> {
  const dir = await mkdtemp(join(tmpdir(), 'suhbat-gateways-'));
  const database = await createTestDatabase();
  const logs: string[] = [];
  const env = {
    SUHBAT_TOKEN_KEY: Buffer.from(makeTokenKey()).toString('base64'),
    SUHBAT_REFRESH_SECRET: randomBytes(32).toString('base64url'),
    SUHBAT_BCRYPT_COST: '4',
    SUHBAT_RATE_LIMIT_FACTOR: '1000',
    SUHBAT_LOG_LEVEL: 'debug',
    ...options.env,
  };
  const forget = async () => {
    await database.drop();
    await rm(dir, { recursive: true, force: true, maxRetries: 10 });
  };
  const cluster = await startClusterOn(database.url, {
    dir,
    counts: { gateway: 2, ...options.counts },
    env,
    onLine: (_, line) => void logs.push(line),
  }).catch(async (error: unknown) => {
    await forget();
    throw error;
  });
  const gateways = cluster.nodes.filter(({ role }) => role === 'gateway');
  const [here = '', there = ''] = gateways.map(({ url }) => url ?? '');
  return {
    ...{ here, there, cluster, dir, logs },
    env: { ...env, DATABASE_URL: database.url },
    async stop() {
      closeSockets();
      await cluster.stop();
      await forget();
    },
  };
}

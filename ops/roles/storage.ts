import { join } from 'node:path';
import { migrate } from '../../services/migrations/migrate.ts';
import { fixShards } from '../connections/cluster-settings.ts';
import { connectPostgres, type Database, type PostgresOptions } from '../connections/postgres.ts';
import { type DataFolder, openDataFolder } from '../embedded/data-folder.ts';
import { startEmbeddedPostgres } from '../embedded/postgres.ts';
import { namespaced } from '../telemetry/logger.ts';
import type { Process } from './process.ts';

/** What is kept in PostgreSQL, and in the data folder where this process is all of Suhbat. */
export interface Storage {
  /** Where there is a cluster nothing is kept on this machine. */
  folder: DataFolder | undefined;
  /** Of PostgreSQL, migrated. */
  url: string;
  db: Database;
}

/** For migrations, the flusher's own look-ups, PostgreSQL's reserve, and a person with `psql`. */
const spareConnections = 20;

/** A process of a cluster keeps nothing here. */
export async function openFolder({ life, config }: Process): Promise<DataFolder | undefined> {
  if (config.natsUrl !== undefined) return undefined;
  return life.part(
    'data folder',
    () => openDataFolder(config.dataDir),
    (held) => held.release(),
  );
}

export async function openStorage(process: Process, folder: DataFolder | undefined): Promise<Storage> {
  const { config, logger } = process;
  const url = config.databaseUrl ?? (await embeddedUrl(process, folder as DataFolder));
  const applied = await migrate({ url, onWait: (why) => logger.warn({ why }, 'waiting for the database') });
  if (applied.length > 0) logger.info({ migrations: applied }, 'the database was brought up to date');
  const db = await connect(process, 'database', url, {
    maxConnections: config.databasePool,
    statementTimeoutMs: config.callTimeout,
  });
  await fixShards(db, config.shards);
  return { folder, url, db };
}

async function embeddedUrl({ life, config, clock, logger }: Process, folder: DataFolder): Promise<string> {
  const log = namespaced(logger, 'postgres');
  const postgres = await life.part(
    'postgres',
    () =>
      startEmbeddedPostgres({
        dir: join(folder.path, 'postgres'),
        clock,
        settings: {
          max_connections: String(config.databasePool + config.flushLanes + config.jobs + spareConnections),
        },
        onLog: (level, message) => log[level](message),
      }),
    (running, withinMs) => running.stop(withinMs),
  );
  return postgres.url;
}

type PoolBounds = Pick<
  PostgresOptions,
  'maxConnections' | 'statementTimeoutMs' | 'idleInTransactionTimeoutMs'
>;

/** A pool of its own, named after its part. */
export function connect(
  { life, clock, logger }: Process,
  name: string,
  url: string,
  bounds: PoolBounds,
): Promise<Database> {
  const log = namespaced(logger, name);
  const onError = (error: Error) => log.warn({ err: error }, 'a database connection was lost');
  return life.part(
    name,
    () => connectPostgres({ url, applicationName: `suhbat ${name}`, ...bounds, onError, clock }),
    (pool) => pool.end(),
  );
}

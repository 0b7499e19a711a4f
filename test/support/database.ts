import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectPostgres, type Database, type PostgresOptions } from '../../ops/connections/postgres.ts';
import { withClient } from '../../ops/connections/postgres-client.ts';
import { type DataFolder, openDataFolder } from '../../ops/embedded/data-folder.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../ops/embedded/postgres.ts';
import { migrate } from '../../services/migrations/migrate.ts';

export interface TestDatabase {
  /** Migrated and empty; of the role `suhbat`, that owns it. */
  url: string;
  /** Ends all of its connections and forgets it. */
  drop(): Promise<void>;
}

/**
 * A migrated database of its own for one test or file, in about 50 ms: a copy of a template on a server that
 * all tests of one run share. It is started with the first call and ends with the run (`hooks.ts`).
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  server ??= startServer();
  const { postgres } = await server;
  const name = `test_${randomBytes(8).toString('hex')}`;
  await admin(postgres, `create database ${name} template ${template} owner suhbat strategy file_copy`);
  return {
    url: databaseUrl(postgres.url, name),
    drop: () => admin(postgres, `drop database if exists ${name} with (force)`),
  };
}

/** A pool of connections to a database; the one who asked for it ends it. */
export function connectTo(url: string, options: Partial<PostgresOptions> = {}): Promise<Database> {
  return connectPostgres({
    url,
    applicationName: 'test',
    maxConnections: 4,
    statementTimeoutMs: 5000,
    onError() {},
    ...options,
  });
}

/** A server for one test alone, that it may kill. `stop` ends it, if it still runs, and removes its folder. */
export async function startTestPostgres(): Promise<EmbeddedPostgres> {
  const own = await start();
  return { ...own.postgres, stop: (timeoutMs) => stop(own, timeoutMs) };
}

/** Ends every server that tests have started and not stopped, and removes their folders. */
export async function stopTestServers(): Promise<void> {
  await server?.catch(() => undefined);
  server = undefined;
  for (const running of servers) await stop(running);
}

interface TestServer {
  folder: DataFolder;
  postgres: EmbeddedPostgres;
}

const prefix = 'suhbat-test-';
const template = 'suhbat_template';
let server: Promise<TestServer> | undefined;

async function startServer(): Promise<TestServer> {
  await sweep();
  const made = await start();
  await admin(made.postgres, `create database ${template} owner suhbat`);
  await migrate({ url: databaseUrl(made.postgres.url, template) });
  return made;
}

/** Not safe against power failure, which no test makes; a killed server keeps what it committed. */
const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '300', max_wal_size: '1GB' };

async function start(): Promise<TestServer> {
  const folder = await openDataFolder(await mkdtemp(join(tmpdir(), prefix)));
  const postgres = await startEmbeddedPostgres({ dir: join(folder.path, 'postgres'), onLog() {}, settings });
  const running = { folder, postgres };
  servers.add(running);
  return running;
}

const servers = new Set<TestServer>();

async function stop(running: TestServer, timeoutMs?: number): Promise<void> {
  await running.postgres.stop(timeoutMs);
  if (servers.delete(running)) await remove(running.folder);
}

// When a run ends in the middle the servers end by themselves; their folders are removed here.
process.once('exit', () => {
  for (const { folder } of servers) rmSync(folder.path, { recursive: true, force: true });
});

async function remove(folder: DataFolder): Promise<void> {
  folder.release();
  await rm(folder.path, { recursive: true, force: true });
}

const freshMs = 60_000;

/** Removes what runs that were killed have left: folders of some age that nobody holds. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const path = join(tmpdir(), name);
    const made = await stat(path).catch(() => undefined);
    if (made === undefined || Date.now() - made.ctimeMs < freshMs) continue;
    const folder = await openDataFolder(path).catch(() => undefined);
    if (folder !== undefined) await remove(folder);
  }
}

function admin(postgres: EmbeddedPostgres, statement: string): Promise<void> {
  return withClient({ url: postgres.adminUrl, applicationName: 'test' }, async (client) => {
    await client.query(statement);
  });
}

function databaseUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

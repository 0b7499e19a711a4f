import type pg from 'pg';
import { withClient } from '../../ops/connections/postgres-client.ts';
import { migrateQueue } from '../../ops/jobs/library.ts';
import { systemClock } from '../../ops/process/clock.ts';
import { StartError } from '../../ops/process/start-error.ts';
import { type Migration, readMigrations } from './files.ts';

export interface MigrateOptions {
  url: string;
  /** Where the numbered files are. Default: this folder. */
  folder?: string;
  /** How long a database that is away is waited for. Default 30 s. */
  waitMs?: number;
  /** Told once, where it has to be waited for. */
  onWait?(why: string): void;
}

/** Any number that is ours: whoever migrates this database holds the advisory lock of this key. */
const lockKey = '7310598272017003637';
const lockTimeoutMs = 120_000;

/**
 * Brings the database to this program's state: applies the files that it has not seen, in order, each in a
 * transaction of its own, and gives their names. Several processes may do so at once: one works, the others
 * wait and find nothing to do. Throws StartError when a file that was applied has changed or is gone, when
 * the database is newer than this program, and when a file fails; nothing of that file is kept then.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const files = await readMigrations(options.folder ?? import.meta.dirname);
  const { url, waitMs = 30_000, onWait = () => {} } = options;
  return withClient({ url, applicationName: 'suhbat migrate', waitMs, onWait }, (session) =>
    applyAll(session, files, url).catch((error: unknown) => {
      if (error instanceof StartError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new StartError(`The database cannot be brought up to date: ${why}.`, error);
    }),
  );
}

/** The job queue's own migrations come last, under the same lock. */
async function applyAll(client: pg.Client, files: Migration[], url: string): Promise<string[]> {
  const applied = await applyMissing(client, files);
  await migrateQueue(url, systemClock);
  return applied;
}

async function applyMissing(client: pg.Client, files: Migration[]): Promise<string[]> {
  await requireVersion(client);
  await takeLock(client);
  await client.query(`
    create table if not exists schema_migrations (
      number integer primary key,
      name text not null,
      checksum text not null,
      applied_at timestamptz(3) not null default now()
    )`);
  const { rows } = await client.query<Applied>(
    'select number, name, checksum from schema_migrations order by number',
  );
  compare(rows, files);
  const missing = files.slice(rows.length);
  for (const file of missing) await apply(client, file);
  return missing.map((file) => file.name);
}

const oldest = 15;

async function requireVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_version: string }>('show server_version');
  const version = rows[0]?.server_version ?? '';
  if (Number.parseInt(version, 10) >= oldest) return;
  throw new StartError(`The database is PostgreSQL ${version}; ${oldest} or later is needed.`);
}

/** Held by the session: ends with it, whatever happens. */
async function takeLock(client: pg.Client): Promise<void> {
  await client.query(`set lock_timeout = ${lockTimeoutMs}`);
  try {
    await client.query('select pg_advisory_lock($1)', [lockKey]);
  } catch (error) {
    throw new StartError(
      'Another process has been migrating this database for two minutes; start again later.',
      error,
    );
  }
  await client.query('set lock_timeout = 0');
}

interface Applied {
  number: number;
  name: string;
  checksum: string;
}

function compare(applied: Applied[], files: Migration[]): void {
  const newest = applied.at(-1);
  if (newest !== undefined && newest.number > files.length) {
    throw new StartError(
      `The database is newer than this program: it has had migration ${newest.name}, and the last one here is ${files.at(-1)?.name ?? 'none'}.`,
    );
  }
  for (const [index, row] of applied.entries()) {
    const file = files[index];
    if (file === undefined || row.number !== file.number) {
      throw new StartError(
        `The database lacks migration ${index + 1} but has had ${row.name}: it was changed by hand.`,
      );
    }
    if (row.name !== file.name) {
      throw new StartError(
        `The database has had migration ${row.name}, which is no more; here it is ${file.name}.`,
      );
    }
    if (row.checksum !== file.checksum) {
      throw new StartError(
        `Migration ${file.name} was changed after this database has had it: add a new one instead.`,
      );
    }
  }
}

async function apply(client: pg.Client, { number, name, checksum, sql }: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(sql);
    await client.query('insert into schema_migrations (number, name, checksum) values ($1, $2, $3)', [
      number,
      name,
      checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(`Migration ${name} failed, and nothing of it was kept: ${why}.`, error);
  }
}

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Granted, grantAdmin } from '../../services/users/first-admin.ts';
import { type Config, loadConfig } from '../config/load.ts';
import { connectPostgres, type Database } from '../connections/postgres.ts';
import { withClient } from '../connections/postgres-client.ts';
import { runningUrl } from '../embedded/running.ts';
import { thisBuild } from '../process/build.ts';
import { systemClock as clock } from '../process/clock.ts';
import { createHealth } from '../process/health.ts';
import { createLifecycle, type Lifecycle } from '../process/lifecycle.ts';
import { startSentence } from '../process/run.ts';
import { StartError } from '../process/start-error.ts';
import { openFolder, openStorage } from '../roles/storage.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';

/**
 * `npm run admin`: names an admin. It takes the settings of the Suhbat that it is about, which may run or not.
 * Exit codes: 0, or 1 where nobody became or was an admin.
 */

const usage = `npm run admin -- grant <email>
    Makes the user whose verified mail address this is an admin.
`;

const sentences: Record<Granted, string> = {
  granted: 'is an admin now.',
  already: 'was an admin already.',
  banned: 'is banned: an admin must lift the ban first.',
  unknown: 'is nobody’s verified address: register with it, and verify it with the code that is mailed.',
};

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${startSentence(error)}\n`);
  return 1;
});

async function main(): Promise<number> {
  const [command, email, ...more] = process.argv.slice(2);
  if (command === undefined || process.argv.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  if (command !== 'grant' || email === undefined || more.length > 0)
    throw new StartError(`This takes a command and an address:\n${usage}`);
  const config = loadConfig(process.env, []);
  if (config === 'help') throw new Error('no arguments were given to it');
  const granted = await withDatabase(config, (db) =>
    db.transaction((tx) => grantAdmin(tx, email, 'operator', clock.now())),
  );
  process.stdout.write(`${email} ${sentences[granted]}\n`);
  return granted === 'granted' || granted === 'already' ? 0 : 1;
}

/** The database of DATABASE_URL; else that of the data folder, of the Suhbat that runs on it or started for this. */
async function withDatabase<T>(config: Config, work: (db: Database) => Promise<T>): Promise<T> {
  const url = config.databaseUrl ?? (await reachable(await runningUrl(config.dataDir)));
  const logger = createLogger(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const life = createLifecycle({ logger, clock, deadlineMs: config.stopDeadline });
  try {
    return await work(url === undefined ? await started(config, logger, life) : await connected(url, life));
  } finally {
    await life.stop();
  }
}

/** Does somebody take connections there? */
async function reachable(url: string | undefined): Promise<string | undefined> {
  if (url === undefined) return undefined;
  return withClient({ url, applicationName: 'suhbat admin' }, async () => url).catch(() => undefined);
}

function connected(url: string, life: Lifecycle): Promise<Database> {
  return life.part(
    'database',
    () =>
      connectPostgres({
        url,
        applicationName: 'suhbat admin',
        maxConnections: 2,
        statementTimeoutMs: 10_000,
        onError() {},
      }),
    (pool) => pool.end(),
  );
}

async function started(
  config: Config,
  logger: ReturnType<typeof createLogger>,
  life: Lifecycle,
): Promise<Database> {
  const own = {
    nodeId: `admin-${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`,
    life,
    config,
    clock,
    logger,
    metrics: createMetrics(),
    health: createHealth(clock, thisBuild()),
  };
  const { db } = await openStorage(own, await openFolder(own));
  return db;
}

import { type Granted, grantAdmin } from '../../services/users/first-admin.ts';
import { connectPostgres, type Database } from '../connections/postgres.ts';
import { withClient } from '../connections/postgres-client.ts';
import { runningUrl } from '../embedded/running.ts';
import type { Lifecycle } from '../process/lifecycle.ts';
import { StartError } from '../process/start-error.ts';
import { commandConfig, runCommand, withProcess } from '../roles/command.ts';
import type { Process } from '../roles/process.ts';
import { openFolder, openStorage } from '../roles/storage.ts';

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

await runCommand(main);

async function main(): Promise<number> {
  const [command, email, ...more] = process.argv.slice(2);
  if (command === undefined || process.argv.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  if (command !== 'grant' || email === undefined || more.length > 0)
    throw new StartError(`This takes a command and an address:\n${usage}`);
  const granted = await withProcess('admin', commandConfig(), async (own) => {
    const db = await openDatabase(own);
    return db.transaction((tx) => grantAdmin(tx, email, 'operator', own.clock.now()));
  });
  process.stdout.write(`${email} ${sentences[granted]}\n`);
  return granted === 'granted' || granted === 'already' ? 0 : 1;
}

/** The database of DATABASE_URL; else that of the data folder, of the Suhbat that runs on it or started for this. */
async function openDatabase(own: Process): Promise<Database> {
  const { config, life } = own;
  const url = config.databaseUrl ?? (await reachable(await runningUrl(config.dataDir)));
  if (url !== undefined) return connected(url, life);
  const { db } = await openStorage(own, await openFolder(own));
  return db;
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

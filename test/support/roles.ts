import { withClient } from '../../ops/connections/postgres-client.ts';
import { runningUrl } from '../../ops/embedded/running.ts';
import type { Role } from '../../schemas/roles.ts';

/** The database of each running program, by its URL: what an operator could do, tests do there. */
const databases = new Map<string, string>();

export async function rememberDatabase(url: string, dataDir: string): Promise<void> {
  const database = await runningUrl(dataDir);
  if (database !== undefined) databases.set(url, database);
}

/** Of the embedded PostgreSQL of the program at this URL. */
function databaseOf(url: string): string {
  const database = databases.get(url);
  if (database === undefined) throw new Error(`The database of ${url} is not known`);
  return database;
}

/** Makes a user what `admin.set_role` makes, without an admin to ask. */
export async function giveRole(url: string, userId: string, role: Role): Promise<void> {
  await withClient({ url: databaseOf(url), applicationName: 'test' }, (client) =>
    client.query('update users set role = $1 where id = $2', [role, userId]),
  );
}

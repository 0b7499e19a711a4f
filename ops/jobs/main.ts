import { StartError } from '../process/start-error.ts';
import { commandConfig, runCommand, withProcess } from '../roles/command.ts';
import { openFolder, openStorage } from '../roles/storage.ts';
import { listDead, retryDead } from './jobs.store.ts';

/**
 * `npm run jobs`: the jobs that have failed for good, and another try for them. It takes the settings of the Suhbat
 * that it is about; one with a data folder must be stopped, a cluster may run. Exit codes: 0, or 1 where nothing
 * could be done.
 */

const usage = `npm run jobs -- list
    The jobs that have failed for good: id, kind, tries, when, and what the last try failed of.
npm run jobs -- retry <id>… | --all
    Begins them anew.
`;

/** `list` shows so many, the oldest. */
const shown = 1000;

type Wish = { command: 'help' | 'list' } | { command: 'retry'; ids: readonly string[] | 'all' };

await runCommand(main);

async function main(): Promise<number> {
  const wish = readArguments(process.argv.slice(2));
  if (wish.command === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  return withProcess('jobs', commandConfig(), async (own) => {
    const { db } = await openStorage(own, await openFolder(own));
    if (wish.command === 'retry') {
      const count = await retryDead(db, wish.ids);
      process.stdout.write(`${count} ${count === 1 ? 'job is' : 'jobs are'} begun anew.\n`);
      return count === 0 && wish.ids !== 'all' ? 1 : 0;
    }
    for (const { id, kind, tries, failed_at, error } of await listDead(db, shown))
      process.stdout.write(`${id} ${kind} ${tries} tries, ${failed_at}: ${error ?? 'the process ended'}\n`);
    return 0;
  });
}

/** Throws a StartError for what it does not know. */
function readArguments([command, ...rest]: readonly string[]): Wish {
  if (command === undefined || command === '--help') return { command: 'help' };
  if (command === 'list' && rest.length === 0) return { command };
  if (command === 'retry' && rest.length === 1 && rest[0] === '--all') return { command, ids: 'all' };
  if (command === 'retry' && rest.length > 0 && rest.every((id) => /^\d{1,18}$/.test(id)))
    return { command, ids: rest };
  throw new StartError(`There is no ${JSON.stringify([command, ...rest].join(' '))}:\n${usage}`);
}

import { hostname } from 'node:os';
import { loadConfig } from '../config/load.ts';
import { thisBuild } from '../process/build.ts';
import { systemClock as clock } from '../process/clock.ts';
import { createHealth } from '../process/health.ts';
import { createLifecycle } from '../process/lifecycle.ts';
import { startSentence } from '../process/run.ts';
import { StartError } from '../process/start-error.ts';
import { openFolder, openStorage } from '../roles/storage.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
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

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${startSentence(error)}\n`);
  return 1;
});

async function main(): Promise<number> {
  const wish = readArguments(process.argv.slice(2));
  if (wish.command === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  const config = loadConfig(process.env, []);
  if (config === 'help') throw new Error('no arguments were given to it');
  const logger = createLogger(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const life = createLifecycle({ logger, clock, deadlineMs: config.stopDeadline });
  const own = {
    nodeId: `jobs-${hostname()}-${process.pid}`,
    life,
    config,
    clock,
    logger,
    metrics: createMetrics(),
    health: createHealth(clock, thisBuild()),
  };
  try {
    const { db } = await openStorage(own, await openFolder(own));
    if (wish.command === 'retry') {
      const count = await retryDead(db, wish.ids);
      process.stdout.write(`${count} ${count === 1 ? 'job is' : 'jobs are'} begun anew.\n`);
      return count === 0 && wish.ids !== 'all' ? 1 : 0;
    }
    for (const { id, kind, tries, failed_at, error } of await listDead(db, shown))
      process.stdout.write(`${id} ${kind} ${tries} tries, ${failed_at}: ${error ?? 'the process ended'}\n`);
    return 0;
  } finally {
    await life.stop();
  }
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

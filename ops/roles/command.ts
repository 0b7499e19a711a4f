import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Config, loadConfig } from '../config/load.ts';
import { thisBuild } from '../process/build.ts';
import { systemClock as clock } from '../process/clock.ts';
import { createHealth } from '../process/health.ts';
import { createLifecycle } from '../process/lifecycle.ts';
import { startSentence } from '../process/run.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { Process } from './process.ts';

/** What the operators' programs share: each does one thing with the parts of a Suhbat, and ends. */

/** Exits with what `main` gives; a failure is one sentence on standard error, and 1. */
export async function runCommand(main: () => Promise<number>): Promise<void> {
  process.exitCode = await main().catch((error: unknown) => {
    process.stderr.write(`${startSentence(error)}\n`);
    return 1;
  });
}

/** The settings of the Suhbat that the program is about. */
export function commandConfig(): Config {
  const config = loadConfig(process.env, []);
  if (config === 'help') throw new Error('no arguments were given to it');
  return config;
}

/** Ends every part that the work has begun. Its log begins with warnings: the program has its own words. */
export async function withProcess<T>(
  name: string,
  config: Config,
  work: (own: Process) => Promise<T>,
): Promise<T> {
  const logger = createLogger(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const life = createLifecycle({ logger, clock, deadlineMs: config.stopDeadline });
  try {
    return await work({
      nodeId: `${name}-${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`,
      life,
      config,
      clock,
      logger,
      metrics: createMetrics(),
      health: createHealth(clock, thisBuild()),
    });
  } finally {
    await life.stop();
  }
}

import { constants } from 'node:os';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from './clock.ts';
import { createLifecycle, type Lifecycle, Stopped } from './lifecycle.ts';
import { StartError } from './start-error.ts';

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * One Ctrl-C arrives twice under `npm start`: once from the terminal, once passed on by npm. Signals
 * that follow the first so closely are the same wish.
 */
const echoMs = 100;

/**
 * The life of the process: start, run until a signal or a fatal error, stop in order, exit. A second
 * signal exits at once. Exit codes: 0 after a signal, 1 after an error or a stop past its deadline,
 * 128 + the signal's number after a second signal.
 *
 * `draining` is told when the stop begins, before the first part stops.
 */
export async function runProcess(options: {
  logger: Logger;
  clock: Clock;
  stopDeadlineMs: number;
  start(lifecycle: Lifecycle): Promise<void>;
  draining(): void;
}): Promise<void> {
  const { logger, clock } = options;
  const lifecycle = createLifecycle({ logger, clock, deadlineMs: options.stopDeadlineMs });
  let code = 0;
  let signalled: number | undefined;
  let ending = false;

  async function end(): Promise<void> {
    if (ending) return;
    ending = true;
    options.draining();
    const late = await lifecycle.stop();
    if (late.length > 0) {
      code = 1;
      logger.error({ parts: late }, 'not everything stopped before the deadline');
    }
    process.exit(code);
  }

  function fatal(error: unknown, message: string): void {
    code = 1;
    logger.fatal({ err: error }, message);
    void end();
  }

  for (const signal of signals) {
    process.on(signal, () => {
      const now = clock.monotonic();
      if (signalled !== undefined && now - signalled > echoMs) process.exit(128 + constants.signals[signal]);
      if (signalled === undefined) logger.info({ signal }, 'stopping');
      signalled ??= now;
      void end();
    });
  }
  process.on('uncaughtException', (error) => fatal(error, 'an error nobody caught'));
  process.on('unhandledRejection', (error) => fatal(error, 'a rejection nobody handled'));

  try {
    await options.start(lifecycle);
  } catch (error) {
    // What a start trips over while everything is stopping is no failure of its own.
    if (error instanceof Stopped || ending) return;
    process.stderr.write(`${startSentence(error)}\n`);
    if (!isPlain(error)) logger.fatal({ err: error }, 'the start failed');
    code = 1;
    void end();
  }
}

/** Does the sentence say it all? So it is where the system refused something: a file, a socket. */
function isPlain(error: unknown): boolean {
  return error instanceof StartError || (error instanceof Error && 'syscall' in error);
}

/** What a failed start says on standard error: one line. */
export function startSentence(error: unknown): string {
  if (error instanceof StartError) return error.message;
  const message = error instanceof Error ? error.message || error.name : String(error);
  return `Suhbat cannot start: ${message.replaceAll(/\s+/g, ' ').trim()}`;
}

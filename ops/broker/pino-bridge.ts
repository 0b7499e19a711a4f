import { Loggers } from 'moleculer';
import type { Logger } from '../telemetry/logger.ts';

/** Moleculer's chatter one level lower than it means it: its start is not news, most of its warnings are. */
const levels = {
  fatal: 'fatal',
  error: 'error',
  warn: 'warn',
  info: 'debug',
  debug: 'trace',
  trace: 'trace',
} as const;

export class PinoBridge extends Loggers.Base<object> {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    super();
    this.#logger = logger;
  }

  override getLogHandler(bindings: { mod: string }) {
    const child = this.#logger.child({ module: bindings.mod });
    // The broker itself warns of single calls that have no answer; those are counted, and may be thousands.
    const single = bindings.mod === 'broker';
    return (type: keyof typeof levels, args: unknown[]): void => {
      const level = single && type === 'warn' ? 'debug' : levels[type];
      if (!child.isLevelEnabled(level)) return;
      const fields = args.find((arg) => typeof arg === 'object' && arg !== null) ?? {};
      const text = args.filter((arg) => typeof arg === 'string').join(' ');
      child[level](fields instanceof Error ? { err: fields } : fields, text);
    };
  }
}

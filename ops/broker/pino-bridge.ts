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
    return (type: keyof typeof levels, args: unknown[]): void => {
      const text = args.filter((arg) => typeof arg === 'string').join(' ');
      const level = ofOneCall(bindings.mod, type, text) ? 'debug' : levels[type];
      if (!child.isLevelEnabled(level)) return;
      const fields = args.find((arg) => typeof arg === 'object' && arg !== null) ?? {};
      child[level](fields instanceof Error ? { err: fields } : fields, text);
    };
  }
}

/** Single calls that have no answer, or could not be sent, are counted; there may be thousands of them at once. */
function ofOneCall(module: string, type: string, text: string): boolean {
  return module === 'broker' ? type === 'warn' : module === 'transit' && text.startsWith('Unable to send');
}

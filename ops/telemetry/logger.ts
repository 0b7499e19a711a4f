import { destination, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** What no log line may carry, however deep: tokens, codes, personal data, message text. */
const secretNames = new Set([
  'authorization',
  'cookie',
  'token',
  'access_token',
  'refresh_token',
  'ticket',
  'password',
  'current_password',
  'new_password',
  'password_hash',
  'email',
  'login',
  'username',
  'first_name',
  'last_name',
  'display_name',
  'bio',
  'about',
  'phone',
  'ip',
  'device',
  'text',
]);

/** In these `code` is what a client sent, a secret; elsewhere it is the code of a refusal. */
const clientInput = new Set(['params', 'body', 'query', 'frame']);

/** Lines wait for so many bytes or milliseconds: a write of its own for each costs as much as making it. */
const gathered = { minLength: 4096, periodicFlush: 100 };

/**
 * JSON lines on standard error: standard output belongs to the ready line. Lines that wait when the
 * process ends are written before it is gone (not by a kill -9). Log ids and numbers; the names above come out as
 * `[redacted]`, and of errors only type, code, message, stack and cause are kept (a database error's
 * `detail` holds rows).
 */
export function createLogger(
  level: LogLevel,
  stream = destination({ dest: 2, sync: false, ...gathered }),
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: timestamps(),
      formatters: { level: (label) => ({ level: label }), log: (fields) => redact(fields, false, 0) },
      // Errors were described by the walk above.
      serializers: { err: (described) => described },
    },
    stream,
  );
}

/** Made once a millisecond: many lines share one. */
function timestamps(): () => string {
  let made = 0;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== made) text = `,"time":"${new Date(now).toISOString()}"`;
    made = now;
    return text;
  };
}

/** A logger whose lines carry the namespace of one part: `http`, `journal`, `flusher` … */
export function namespaced(logger: Logger, namespace: string): Logger {
  return logger.child({ namespace });
}

const deepest = 6;

/**
 * The fields of a line without what must not be in it. pino's own redaction by paths costs 40 µs a line
 * with this many names; this walk costs less than 1 µs and finds them at any depth.
 */
function redact(fields: object, input: boolean, depth: number): Record<string, unknown> {
  let clean = fields as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    const kept = keep(name, value, input, depth);
    if (kept === value) continue;
    if (clean === fields) clean = Object.assign(Array.isArray(fields) ? [] : {}, fields) as typeof clean;
    clean[name] = kept;
  }
  return clean;
}

function keep(name: string, value: unknown, input: boolean, depth: number): unknown {
  if (secretNames.has(name) || (input && name === 'code')) return '[redacted]';
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value);
  return depth === deepest ? '[deep]' : redact(value, input || clientInput.has(name), depth + 1);
}

const deepestCause = 4;

function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  return {
    type: name,
    message,
    ...('code' in error ? { code: error.code } : {}),
    stack,
    ...(cause === undefined || depth === deepestCause ? {} : { cause: describeError(cause, depth + 1) }),
  };
}

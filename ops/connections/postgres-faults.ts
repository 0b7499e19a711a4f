import { BackendTerminatedError, ConnectionError } from 'slonik';
import { fail } from '../../schemas/errors.ts';

/**
 * What a database error means to the caller.
 * `lost`: no connection, or none free in time; the same work may succeed later.
 * `poison`: PostgreSQL refuses the data itself (SQLSTATE classes 22 and 23); repeating never helps.
 * `rolled_back`: PostgreSQL gave up this transaction among others (class 40); repeating helps.
 * `other`: disk, memory, time-outs, and mistakes in SQL.
 */
export type DatabaseFault = 'lost' | 'poison' | 'rolled_back' | 'other';

/**
 * The connection broke. `inDoubt`: while a COMMIT, or a write outside a transaction, was on its way, so
 * nobody knows whether it was done. Slonik ends a transaction without a ROLLBACK on errors of this class.
 */
export class LostConnection extends BackendTerminatedError {
  readonly inDoubt: boolean;

  constructor(cause: Error, inDoubt: boolean) {
    super(cause);
    this.name = 'LostConnection';
    this.inDoubt = inDoubt;
  }
}

/** No connection was free in time, or too many waited for one: nothing was done. */
export class NoFreeConnection extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NoFreeConnection';
  }
}

export function databaseFault(error: unknown): DatabaseFault {
  for (const cause of causes(error)) {
    if (cause instanceof BackendTerminatedError || cause instanceof ConnectionError) return 'lost';
    if (cause instanceof NoFreeConnection) return 'lost';
  }
  const state = sqlState(error);
  if (state === undefined) return 'other';
  if (/^(57P|08|25P0[34])/.test(state)) return 'lost';
  if (state.startsWith('22') || state.startsWith('23')) return 'poison';
  return state.startsWith('40') ? 'rolled_back' : 'other';
}

/** The five characters with which PostgreSQL names an error; undefined when it is not its error. */
export function sqlState(error: unknown): string | undefined {
  for (const cause of causes(error)) {
    const code = 'code' in cause ? cause.code : undefined;
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code;
  }
  return undefined;
}

/**
 * Did a row with this key exist already? `constraint` is the name of the constraint or unique index:
 * `users_username_key`. In a transaction prefer `on conflict do nothing returning …`: an error ends it.
 */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (sqlState(error) !== '23505') return false;
  if (constraint === undefined) return true;
  return [...causes(error)].some((cause) => 'constraint' in cause && cause.constraint === constraint);
}

/**
 * Runs the SQL of a service. A database that is away, full or too slow becomes a refusal: `unavailable`,
 * or `timeout` where a write may have been done. Poison and mistakes go on as they are. Refusals thrown
 * by `work` pass too.
 */
export async function storing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asRefusal(error);
  }
}

function asRefusal(error: unknown): unknown {
  const fault = databaseFault(error);
  if (fault === 'lost') {
    const all = [...causes(error)];
    if (all.some((cause) => cause instanceof LostConnection && cause.inDoubt)) {
      return fail('timeout', { reason: 'database_away' });
    }
    const busy = all.some((cause) => cause instanceof NoFreeConnection);
    return fail('unavailable', { reason: busy ? 'database_busy' : 'database_away' });
  }
  if (fault === 'rolled_back') return fail('unavailable', { reason: 'database_busy' });
  const state = sqlState(error) ?? '';
  // 57014 statement time-out, 55P03 lock time-out: PostgreSQL has rolled back.
  if (state === '57014' || state === '55P03') return fail('unavailable', { reason: 'database_slow' });
  // 53 out of disk, memory or connections, 58 input/output, 25006 a standby that takes no writes.
  if (/^53|^58|^25006/.test(state)) return fail('unavailable', { reason: 'database_away' });
  return error;
}

const deepest = 8;

function* causes(error: unknown): Iterable<Error> {
  let next = error;
  for (let depth = 0; depth < deepest && next instanceof Error; depth++) {
    yield next;
    next = next.cause;
  }
}

import { type CommonQueryMethods, createPool, type QuerySqlToken, sql } from 'slonik';
import { type Clock, systemClock } from '../process/clock.ts';
import { createDriver } from './postgres-driver.ts';
import { databaseFault } from './postgres-faults.ts';
import { createPermits } from './postgres-permits.ts';

export {
  databaseFault,
  isUniqueViolation,
  sqlState,
  storing,
} from './postgres-faults.ts';
export { prepared } from './postgres-prepared.ts';
export { isoTime } from './postgres-types.ts';

/**
 * A pool of connections. Its query methods take any free connection; `transaction` runs its handler on
 * one, once, and rolls back when the handler throws; a transaction inside one is a savepoint. Inside a
 * handler use only the transaction that it is given: asking the pool there throws.
 *
 * Rows come with int8 and numeric as numbers, timestamptz as `2026-01-31T10:00:00.000Z`, date as text,
 * json and jsonb parsed. Errors: `databaseFault` sorts them, `storing` turns them into refusals.
 *
 * Many rows at once: one statement with one JSON parameter, whose fields are named like the columns,
 * ``insert into messages select * from json_populate_recordset(null::messages, ${JSON.stringify(rows)}::json)
 * on conflict …``. A field that lacks is null, not the column's default. Measured with 1,000 messages a
 * statement: 35,000 rows/s without the trigram index and 14,000 with it, just as with `sql.unnest`, but
 * 5 µs of our CPU a row instead of 6 to 10.
 */
export interface Database extends Transaction {
  /** One connection for several statements that need no transaction. */
  connect<T>(work: (connection: Transaction) => Promise<T>): Promise<T>;
  state(): { open: number; busy: number; waiting: number; max: number };
  /** Ends every connection; statements in flight get 5 s. */
  end(): Promise<void>;
}

/** What a `transaction` handler is given; a function that only queries takes this, and so a Database too. */
export type Transaction = Omit<CommonQueryMethods, 'stream'>;

type AnyParser = QuerySqlToken['parser'];
type ParserOf<Row> = Omit<AnyParser, '_output'> & { readonly _output: Row };

/**
 * Slonik's tag for statements whose rows are of a known type: ``db.any(typed<UserRow>()`select …`)``.
 * The type is a promise of the author; nothing is checked when it runs.
 */
export function typed<Row>() {
  return sql.type(anyParser as unknown as ParserOf<Row>);
}

const anyParser = sql.unsafe``.parser;

export interface PostgresOptions {
  url: string;
  /** Shown in `pg_stat_activity`. */
  applicationName: string;
  maxConnections: number;
  /** After this PostgreSQL gives up a statement (57014). */
  statementTimeoutMs: number;
  /** After this PostgreSQL ends a session that holds a transaction and says nothing. Default 60,000. */
  idleInTransactionTimeoutMs?: number;
  /** Default 5,000. */
  connectTimeoutMs?: number;
  /** How long a caller waits for a free connection. Default 5,000. */
  acquireTimeoutMs?: number;
  /** How many callers may wait. Default 100 for each connection. */
  maxWaiting?: number;
  /** Told of every connection that breaks or cannot be made. Nothing need be done: the next use tries anew. */
  onError(error: Error): void;
  clock?: Clock;
}

/**
 * Makes a pool; it needs no database yet. Connections are made when they are wanted and none is free, so
 * after an outage the first statement simply finds the database again; until then each fails within
 * `connectTimeoutMs`, at once where nobody listens. A lost connection never ends the process.
 *
 * Of slonik's own retries only the one of single statements that PostgreSQL rolled back (class 40) is
 * kept. A failed transaction is never repeated behind its caller's back.
 */
export async function connectPostgres(options: PostgresOptions): Promise<Database> {
  const { maxConnections, clock = systemClock } = options;
  const pool = await createPool(options.url, {
    driverFactory: createDriver({
      url: options.url,
      applicationName: options.applicationName,
      connectTimeoutMs: options.connectTimeoutMs ?? 5000,
      statementTimeoutMs: options.statementTimeoutMs,
      idleInTransactionTimeoutMs: options.idleInTransactionTimeoutMs ?? 60_000,
      onLost: options.onError,
    }),
    maximumPoolSize: maxConnections,
    idleTimeout: 60_000,
    gracefulTerminationTimeout: 5000,
    connectionRetryLimit: 0,
    queryRetryLimit: 2,
    transactionRetryLimit: 0,
    // The default, DISCARD ALL, is one more round trip after each use. We never change a session's state.
    resetConnection: async () => {},
  });
  // Slonik repeats every failed statement here; without a listener that would end the process.
  pool.on('error', () => {});

  const permits = createPermits({
    count: maxConnections,
    maxWaiting: options.maxWaiting ?? 100 * maxConnections,
    timeoutMs: options.acquireTimeoutMs ?? 5000,
    clock,
  });

  /** Slonik closes a connection whose routine throws, even where it threw a mere refusal: hand errors round. */
  async function connect<T>(work: (connection: Transaction) => Promise<T>): Promise<T> {
    const giveBack = await permits.take();
    try {
      const outcome = await pool.connect(async (connection) => {
        try {
          return { value: await work(connection) };
        } catch (error) {
          if (databaseFault(error) === 'lost') throw error;
          return { error };
        }
      });
      if ('error' in outcome) throw outcome.error;
      return outcome.value;
    } finally {
      giveBack();
    }
  }

  return {
    connect,
    any: (query) => connect((connection) => connection.any(query)),
    anyFirst: (query) => connect((connection) => connection.anyFirst(query)),
    exists: (query) => connect((connection) => connection.exists(query)),
    many: (query) => connect((connection) => connection.many(query)),
    manyFirst: (query) => connect((connection) => connection.manyFirst(query)),
    maybeOne: (query) => connect((connection) => connection.maybeOne(query)),
    maybeOneFirst: (query) => connect((connection) => connection.maybeOneFirst(query)),
    one: (query) => connect((connection) => connection.one(query)),
    oneFirst: (query) => connect((connection) => connection.oneFirst(query)),
    query: (query) => connect((connection) => connection.query(query)),
    transaction: (handler, retries) => connect((connection) => connection.transaction(handler, retries)),
    state() {
      const { acquiredConnections, idleConnections, pendingConnections } = pool.state();
      return {
        open: acquiredConnections + idleConnections + pendingConnections,
        busy: acquiredConnections + pendingConnections,
        waiting: permits.waiting(),
        max: maxConnections,
      };
    },
    end: () => pool.end(),
  };
}

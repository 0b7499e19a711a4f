import pg from 'pg';
import { type Clock, sleep } from '../process/clock.ts';
import { sessionOptions } from './session-options.ts';

export interface PatientPoolOptions {
  url: string;
  applicationName: string;
  maxConnections: number;
  statementTimeoutMs: number;
  clock: Clock;
  /** A connection broke or could not be made. */
  onLost(error: Error): void;
}

/**
 * A pool of pg's own kind, for a library that brings its own SQL (everything of ours goes through
 * `connectPostgres`). It has the patience that the library lacks: who asks for a connection waits until there
 * is one, and a statement whose connection broke fails as 57P03, `cannot connect now`, which that library
 * repeats. Hand it only to what may repeat its statements. Once it closes nothing is worth a repetition: that
 * library would go on for hours.
 */
export interface PatientPool {
  pool: pg.Pool;
  /** Nobody waits for a connection any more. */
  giveUp(): void;
  /** Waits for the statements under way; who still waits for a connection is refused. */
  close(): Promise<void>;
}

const retryMs = 500;
/** A dead peer is noticed so much after PostgreSQL itself should have given up. */
const answerGraceMs = 5000;

type Query = (...args: readonly unknown[]) => unknown;
type Connected = (error: Error | undefined, client: pg.PoolClient | undefined, done: () => void) => void;

export function createPatientPool(options: PatientPoolOptions): PatientPool {
  const { clock, onLost } = options;
  let closing = false;
  const waiting = new Set<Promise<unknown>>();

  class Patient extends pg.Pool {
    override connect(): Promise<pg.PoolClient>;
    override connect(connected: Connected): void;
    override connect(connected?: Connected): Promise<pg.PoolClient> | undefined {
      const found = this.#wait();
      const waits = found.catch(() => {}).finally(() => waiting.delete(waits));
      waiting.add(waits);
      if (connected === undefined) return found;
      found.then(
        (client) => connected(undefined, client, () => client.release()),
        (error: Error) => connected(error, undefined, () => {}),
      );
      return undefined;
    }

    async #wait(): Promise<pg.PoolClient> {
      while (!closing) {
        try {
          return await super.connect();
        } catch (error) {
          if (!closing) onLost(error as Error);
          await sleep(clock, retryMs);
        }
      }
      throw new Error('The pool is closed');
    }
  }

  /** What PostgreSQL itself answered stays as it is, unless it says that the connection ends. */
  function failed(error: unknown): never {
    const answered = error instanceof pg.DatabaseError && !/^(57P|08)/.test(error.code ?? '');
    throw answered || closing ? error : cannotConnectNow(error);
  }

  const pool = new Patient({
    connectionString: options.url,
    application_name: options.applicationName,
    options: sessionOptions,
    max: options.maxConnections,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 60_000,
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + answerGraceMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  pool.on('error', onLost);
  pool.on('connect', (client) => {
    client.on('error', onLost);
    const target = client as unknown as { query: Query };
    const query = target.query.bind(client);
    target.query = (...args) => {
      const answer = query(...args);
      return answer instanceof Promise ? answer.catch(failed) : answer;
    };
  });

  return {
    pool,
    giveUp() {
      closing = true;
    },
    async close() {
      closing = true;
      // The library asks for a connection to note the end of its last jobs, and does not wait for it.
      await Promise.all(waiting);
      await pool.end();
    },
  };
}

function cannotConnectNow(cause: unknown): Error {
  return Object.assign(new Error('PostgreSQL cannot be reached', { cause }), { code: '57P03' });
}

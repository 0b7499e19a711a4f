import { Socket } from 'node:net';
import pg from 'pg';
import { createDriverFactory, type DriverCommand, type DriverFactory } from 'slonik';
import { LostConnection } from './postgres-faults.ts';
import { createNames, prepared } from './postgres-prepared.ts';
import { typeParsers } from './postgres-types.ts';
import { sessionOptions } from './session-options.ts';

export interface DriverOptions {
  url: string;
  applicationName: string;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  idleInTransactionTimeoutMs: number;
  /** Told once of every connection that breaks, idle ones too. */
  onLost(error: Error): void;
}

/** A dead peer is noticed by the client this much after PostgreSQL itself should have given up. */
const answerGraceMs = 5000;
const endTimeoutMs = 2000;

/**
 * Slonik over pg with a driver of our own. Its standard one asks the database for type numbers when the
 * pool is made (so it needs one at start, over a client whose loss ends the process), hides SQLSTATEs,
 * answers a broken transaction with the failure of its ROLLBACK, and waits for a dead peer without end.
 */
export function createDriver(options: DriverOptions): DriverFactory {
  const nameOf = createNames();
  return createDriverFactory(async () => ({
    createPoolClient: async ({ clientEventEmitter }) => {
      const socket = new Socket();
      const client = new pg.Client(clientConfig(options, socket));
      let lost: LostConnection | undefined;
      let running: string | undefined;
      let inTransaction = false;
      let closing = false;

      function lose(cause: Error): LostConnection {
        if (lost !== undefined) return lost;
        const error = new LostConnection(cause, running !== undefined && mayStay(running, inTransaction));
        lost = error;
        socket.destroy();
        if (!closing) options.onLost(cause);
        // Slonik takes the connection out of its pool on `error`, but never gets there while a statement is
        // in flight: that statement's own failure does it then. Nor where it has not put the connection into the
        // pool yet, which takes some microtasks after `connect`: it would keep that place for ever.
        if (!closing && running === undefined) setImmediate(() => clientEventEmitter.emit('error', error));
        return error;
      }

      client.on('error', lose);
      // Slonik listens no more once a failed statement has made it close the connection.
      clientEventEmitter.on('error', () => {});

      return {
        async connect() {
          try {
            await client.connect();
          } catch (error) {
            socket.destroy();
            options.onLost(error as Error);
            throw error;
          }
        },
        async end() {
          closing = true;
          const dead = setTimeout(() => socket.destroy(), endTimeoutMs);
          await client.end().finally(() => clearTimeout(dead));
        },
        async query(text, values) {
          running = text;
          try {
            const name = nameOf(text);
            const result = await (name === undefined
              ? client.query(text, values)
              : client.query({ name, text, values: [...(values ?? [])] }));
            if (Array.isArray(result)) throw new Error('One statement at a time.');
            if (text === 'START TRANSACTION') inTransaction = true;
            if (text === 'COMMIT' || text === 'ROLLBACK') inTransaction = false;
            if (text === 'COMMIT' && result.command === 'ROLLBACK') throw new SwallowedError();
            return {
              command: result.command as DriverCommand,
              fields: result.fields.map(({ name, dataTypeID }) => ({ name, dataTypeId: dataTypeID })),
              rowCount: result.rowCount,
              rows: result.rows,
            };
          } catch (error) {
            if (!(error instanceof Error)) throw error;
            throw isAlive(error) ? withoutData(error) : lose(error);
          } finally {
            running = undefined;
          }
        },
        stream() {
          throw new Error('Streams are not used here: read in pages.');
        },
      };
    },
  }));
}

/** A handler caught a failed statement and went on: PostgreSQL made a rollback of the commit. */
class SwallowedError extends Error {
  readonly code = '25P02';

  constructor() {
    super('A statement of this transaction failed before its COMMIT, so nothing was kept');
    this.name = 'SwallowedError';
  }
}

function clientConfig(options: DriverOptions, socket: Socket): pg.ClientConfig {
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    stream: () => socket,
    types: typeParsers,
    // Times come in UTC, which `isoTime` reads fastest.
    options: `${sessionOptions} -c timezone=UTC`,
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + answerGraceMs,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** May this statement's effect stay although its answer was never seen? */
function mayStay(text: string, inTransaction: boolean): boolean {
  if (text === 'COMMIT') return true;
  return !inTransaction && !/^\s*(select|show|start|rollback)\b/i.test(text.replace(prepared.sql, ''));
}

/**
 * Errors that PostgreSQL itself answered leave the connection usable, unless they say that it ends: shutdown
 * (57P), protocol (08), too long in a transaction (25P03, 25P04).
 */
function isAlive(error: Error): boolean {
  if (error instanceof SwallowedError) return true;
  return error instanceof pg.DatabaseError && !/^(57P|08|25P0[34])/.test(error.code ?? '');
}

/** PostgreSQL quotes values in `detail`, and in messages about bad input: neither may reach a log. */
function withoutData(error: Error): Error {
  if (!(error instanceof pg.DatabaseError)) return error;
  error.detail = error.where = error.internalQuery = undefined;
  if (error.code?.startsWith('22')) error.message = error.message.replace(/: .*$/s, '');
  return error;
}

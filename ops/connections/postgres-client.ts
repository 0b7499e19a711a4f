import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { StartError } from '../process/start-error.ts';
import { sessionOptions } from './session-options.ts';

export interface ClientOptions {
  url: string;
  applicationName: string;
  /** How long a database that is away or still starting is waited for. Default 0: one try. */
  waitMs?: number;
  /** Told once, where it has to be waited for. */
  onWait?(why: string): void;
}

/**
 * One plain connection outside any pool, for work that needs a session of its own: migrations, making
 * databases. Its loss fails the statement in flight and nothing else. Throws StartError where there is none
 * to be had.
 */
export async function withClient<T>(
  options: ClientOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connectClient(options);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

async function connectClient({ url, applicationName, waitMs = 0, onWait }: ClientOptions) {
  const until = performance.now() + waitMs;
  let waiting = false;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      options: sessionOptions,
      connectionTimeoutMillis: 5000,
      keepAlive: true,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      const { host, port } = client;
      if (isFinal(error)) throw new StartError(`PostgreSQL at ${host}:${port} says: ${told(error)}.`, error);
      const away = `PostgreSQL at ${host}:${port} cannot be reached: ${told(error)}`;
      if (performance.now() + pauseMs >= until) throw new StartError(`${away}.`, error);
      if (!waiting) onWait?.(away);
      waiting = true;
      // A real pause, that keeps the process alive while it has nothing else to do.
      await pause(pauseMs);
    }
  }
}

/** Where a name has several addresses, Node's error says nothing but its code. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}

/** Wrong password, no such database …: what PostgreSQL answers for good, while 57P03 is `starting up`. */
function isFinal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !/^(57P0|53)/.test(error.code ?? '');
}

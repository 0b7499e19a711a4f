import { isIP } from 'node:net';
import { type RedisOptions as ClientOptions, Redis } from 'ioredis';
import { fail } from '../../schemas/errors.ts';
import { StartError } from '../process/start-error.ts';

export interface RedisOptions {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS, whose certificate is verified. */
  url: string;
  /** What `CLIENT LIST` shows: without spaces. */
  name: string;
  onChange?(change: RedisChange): void;
  /** Milliseconds that a command may take. Default 500. */
  commandMs?: number;
}

export type RedisChange = 'lost' | 'back';

/**
 * A connection to one Redis that comes back by itself, for as long as it is not closed. Needs Redis 6.2 (GETDEL).
 *
 * Nothing waits for Redis to return: while it is away a command fails at once, and what was on its way when the
 * connection broke fails with it. One that hangs is given up after `commandMs` without a word, and then counts as
 * away, so that only the commands of that first moment have waited.
 */
export interface RedisLink {
  /** For libraries that bring their own commands; ours go through `run`. What it throws may hold keys and values. */
  readonly client: Redis;
  /**
   * Whatever goes wrong becomes `unavailable` (`redis_away`), without a word of keys or values. A write may have
   * been done nevertheless: what is kept here must be able to bear that.
   */
  run<T>(command: (client: Redis) => Promise<T>): Promise<T>;
  /** Can commands be sent, as far as this end knows? */
  up(): boolean;
  /** Why there is no connection, in a word that may be logged: `ECONNREFUSED`, `WRONGPASS`, `timed out`. */
  trouble(): string | undefined;
  /** Tells of each break and each return; the returned function ends that. */
  onChange(listener: (change: RedisChange) => void): () => void;
  /** Waits for what is in flight, for at most `commandMs`. */
  close(): Promise<void>;
}

const connectMs = 2000;
const longestPauseMs = 1000;
const consequences = new Set(['MaxRetriesPerRequestError', 'AbortError']);

/**
 * Resolves after the first attempt, within about 3 s, whether or not it brought a connection: without Redis a
 * process starts, and serves what needs none. `up` and `trouble` say how it went. Throws a StartError for a bad URL.
 */
export async function connectRedis({
  url,
  name,
  onChange,
  commandMs = 500,
}: RedisOptions): Promise<RedisLink> {
  const client = new Redis({
    ...addressOf(url),
    connectionName: name,
    disableClientInfo: true,
    lazyConnect: true,
    connectTimeout: connectMs,
    commandTimeout: commandMs,
    // Without it what is sent to a Redis that hangs would pile up in its socket.
    socketTimeout: commandMs,
    keepAlive: 10_000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: longestPauseMs,
    retryStrategy: pauseBefore,
    // After a failover the old primary takes no writes any more.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  const listeners = new Set<(change: RedisChange) => void>(onChange === undefined ? [] : [onChange]);
  let up = false;
  let closed = false;
  let trouble: string | undefined;

  function turn(now: boolean): void {
    if (up === now) return;
    up = now;
    if (now) trouble = undefined;
    if (!closed) for (const listener of [...listeners]) listener(now ? 'back' : 'lost');
  }

  client.on('error', (error: Error) => {
    // What the break did to a command says nothing of its cause.
    if (!consequences.has(error.name)) trouble = wordOf(error);
  });
  client.on('close', () => turn(false));
  await client.connect().catch(() => undefined);
  up = client.status === 'ready';
  client.on('ready', () => turn(true));

  return {
    client,
    async run(command) {
      if (client.status !== 'ready') throw away();
      try {
        return await command(client);
      } catch {
        throw away();
      }
    },
    up: () => !closed && client.status === 'ready',
    trouble: () => (client.status === 'ready' ? undefined : (trouble ?? 'closed')),
    onChange(listener) {
      const own = (change: RedisChange) => listener(change);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    async close() {
      if (closed) return;
      closed = true;
      if (client.status === 'ready') await client.quit().catch(() => undefined);
      if (client.status !== 'end') client.disconnect();
    },
  };
}

function away() {
  return fail('unavailable', { reason: 'redis_away' });
}

/** Up to a second, never the same for two processes: a Redis that returns is not stormed. */
function pauseBefore(attempt: number): number {
  return Math.min(50 * attempt, longestPauseMs) * (0.5 + Math.random() / 2);
}

/** Redis quotes commands in its answers, and the client keeps them in its errors: only the code goes out. */
function wordOf(error: Error & { code?: unknown }): string {
  if (typeof error.code === 'string') return error.code;
  if (/timed? ?out/i.test(error.message)) return 'timed out';
  return /^(?:Ready check failed: )?([A-Z]{4,})\b/.exec(error.message)?.[1] ?? 'refused';
}

/** By hand: the client would take settings out of the query, and error messages would show the password. */
function addressOf(text: string): ClientOptions {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const db = url && /^\/?(\d{0,5})$/.exec(url.pathname)?.[1];
  if (!url || !/^rediss?:$/.test(url.protocol) || url.hostname === '' || db === undefined)
    throw new StartError(
      'Suhbat cannot start: the URL of Redis must be like redis://user:password@host:6379/0.',
    );
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: Number(url.port || 6379),
    db: Number(db),
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    ...(url.protocol === 'rediss:' && { tls: isIP(host) ? {} : { servername: host } }),
  };
}

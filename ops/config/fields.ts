import { isIP } from 'node:net';
import { choice, decimal, type Field, integer, list, optional, text } from './field.ts';
import { serverFields } from './server-fields.ts';
import { readTokenKey } from './token-key.ts';

export const roles = ['gateway', 'actors', 'services'] as const;
export type Role = (typeof roles)[number];

const minute = 60_000;
const MiB = 1024 * 1024;

/**
 * Every setting there is. The program, `npm start -- --help` and README's table all read this table; the
 * keys are the names that code uses. An empty variable counts as not given.
 */
export const fields = {
  port: integer({
    name: 'SUHBAT_PORT',
    default: 8080,
    min: 0,
    max: 65_535,
    meaning: 'Port for HTTP and WebSocket; 0 picks a free one',
  }),
  host: text({
    name: 'SUHBAT_HOST',
    default: '127.0.0.1',
    type: 'an address or host name',
    pattern: /^[A-Za-z0-9.:_-]+$/,
    meaning: 'Address to listen on; 0.0.0.0 listens on all',
  }),
  dataDir: text({
    name: 'SUHBAT_DATA_DIR',
    default: './data',
    type: 'a folder',
    meaning: 'Everything that is kept: journal, embedded PostgreSQL, secrets',
  }),
  roles: list<Role>({
    name: 'SUHBAT_ROLES',
    default: roles,
    type: `a list of ${roles.join(', ')}, each once`,
    item: (item) => roles.find((role) => role === item),
    meaning: 'What this process runs; a part of them needs NATS_URL',
  }),
  logLevel: choice({
    name: 'SUHBAT_LOG_LEVEL',
    default: 'info',
    of: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    meaning: 'The least urgent log lines to write, as JSON on standard error',
  }),
  stopDeadline: integer({
    name: 'SUHBAT_STOP_DEADLINE',
    default: 10_000,
    min: 100,
    max: 10 * minute,
    unit: 'ms',
    meaning: 'How long a stop may take before the process ends anyway',
  }),
  callTimeout: integer({
    name: 'SUHBAT_CALL_TIMEOUT',
    default: 5000,
    min: 100,
    max: minute,
    unit: 'ms',
    meaning: 'Budget of one request, from its arrival to its answer',
  }),

  // Who may come in
  allowedOrigins: list({
    name: 'SUHBAT_ALLOWED_ORIGINS',
    default: [],
    type: 'a list of origins such as https://chat.example',
    item: (item) => (isOrigin(item) ? item : undefined),
    meaning: 'Browser origins that may use the API and open sockets, besides our own',
  }),
  trustedProxies: list({
    name: 'SUHBAT_TRUSTED_PROXIES',
    default: [],
    type: 'a list of IP addresses or CIDR blocks',
    item: (item) => (isAddressBlock(item) ? item : undefined),
    meaning: 'Proxies whose X-Forwarded-For is believed',
  }),

  // Rate limits: api.md "Limits"
  rateLimitFactor: decimal({
    name: 'SUHBAT_RATE_LIMIT_FACTOR',
    default: 1,
    min: 0.001,
    max: 1_000_000,
    meaning: 'Multiplies every limit below; for load tests',
  }),
  limitAuthPerAddress: integer({
    name: 'SUHBAT_LIMIT_AUTH_PER_ADDRESS',
    default: 5,
    min: 1,
    max: 1_000_000,
    unit: 'per minute',
    meaning: 'Login tries and registrations for one name or mail address',
  }),
  limitAuthPerIp: integer({
    name: 'SUHBAT_LIMIT_AUTH_PER_IP',
    default: 30,
    min: 1,
    max: 1_000_000,
    unit: 'per minute',
    meaning: 'Login tries and registrations from one IP address',
  }),
  limitCodesPerAddress: integer({
    name: 'SUHBAT_LIMIT_CODES_PER_ADDRESS',
    default: 5,
    min: 1,
    max: 1_000_000,
    unit: 'per hour',
    meaning: 'Codes mailed to one address; four times as many a day. Each may be tried 5 times',
  }),
  limitCodesPerIp: integer({
    name: 'SUHBAT_LIMIT_CODES_PER_IP',
    default: 60,
    min: 1,
    max: 1_000_000,
    unit: 'per hour',
    meaning: 'Codes mailed because one IP address asked for them',
  }),
  limitCodes: integer({
    name: 'SUHBAT_LIMIT_CODES',
    default: 10_000,
    min: 1,
    max: 100_000_000,
    unit: 'per hour',
    meaning: 'Codes mailed by the whole deployment',
  }),
  limitMessages: integer({
    name: 'SUHBAT_LIMIT_MESSAGES',
    default: 30,
    min: 1,
    max: 1_000_000,
    unit: 'per second',
    meaning: 'Messages of one login, over REST and its sockets together; each gateway counts for itself',
  }),
  limitFrames: integer({
    name: 'SUHBAT_LIMIT_FRAMES',
    default: 30,
    min: 1,
    max: 1_000_000,
    unit: 'per second',
    meaning: 'Requests of one connection; twice as many may come in one burst',
  }),
  limitCalls: integer({
    name: 'SUHBAT_LIMIT_CALLS',
    default: 600,
    min: 1,
    max: 100_000_000,
    unit: 'per minute',
    meaning: 'Other REST calls of one user',
  }),
  limitSocketsPerIp: integer({
    name: 'SUHBAT_LIMIT_SOCKETS_PER_IP',
    default: 200,
    min: 1,
    max: 1_000_000,
    unit: 'sockets',
    meaning: 'Open sockets from one IP address; each gateway counts for itself',
  }),

  // Sockets
  pingInterval: integer({
    name: 'SUHBAT_PING_INTERVAL',
    default: 25_000,
    min: 5000,
    max: 5 * minute,
    unit: 'ms',
    meaning: 'Time between WebSocket pings; a socket silent for much longer is closed',
  }),
  maxBackpressure: integer({
    name: 'SUHBAT_MAX_BACKPRESSURE',
    default: MiB,
    min: 64 * 1024,
    max: 256 * MiB,
    unit: 'bytes',
    meaning: 'Send buffer of one socket; a client that lets it fill up is closed with 4008',
  }),
  presenceGrace: integer({
    name: 'SUHBAT_PRESENCE_GRACE',
    default: 10_000,
    min: 0,
    max: 10 * minute,
    unit: 'ms',
    meaning: 'How long a user without a connection still counts as online',
  }),

  // Actors and their journal
  shards: integer({
    name: 'SUHBAT_SHARDS',
    default: 64,
    min: 1,
    max: 4096,
    meaning: 'Slices of all actors; fixed by the first start on a database',
  }),
  maxActivations: integer({
    name: 'SUHBAT_MAX_ACTIVATIONS',
    default: 200_000,
    min: 16,
    max: 10_000_000,
    meaning: 'Actors in memory; above it the longest idle leave',
  }),
  activationIdle: integer({
    name: 'SUHBAT_ACTIVATION_IDLE',
    default: 5 * minute,
    min: 100,
    max: 24 * 60 * minute,
    unit: 'ms',
    meaning: 'Idle time after which an actor leaves memory',
  }),
  actorQueue: integer({
    name: 'SUHBAT_ACTOR_QUEUE',
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: 'commands',
    meaning: 'What may wait for one actor; more is refused as unavailable',
  }),
  flushLanes: integer({
    name: 'SUHBAT_FLUSH_LANES',
    default: 2,
    min: 1,
    max: 32,
    meaning: 'Connections that write behind to PostgreSQL',
  }),
  journalSegment: integer({
    name: 'SUHBAT_JOURNAL_SEGMENT',
    default: 64 * MiB,
    min: MiB,
    max: 1024 * MiB,
    unit: 'bytes',
    meaning: 'Size at which the journal begins a new file; at most a quarter of SUHBAT_JOURNAL_MAX',
  }),
  journalMax: integer({
    name: 'SUHBAT_JOURNAL_MAX',
    default: 8192 * MiB,
    min: 4 * MiB,
    max: 1_048_576 * MiB,
    unit: 'bytes',
    meaning: 'Size of the whole journal; a full one refuses messages until PostgreSQL has caught up',
  }),
  journalKeep: integer({
    name: 'SUHBAT_JOURNAL_KEEP',
    default: 5 * minute,
    min: 0,
    max: 24 * 60 * minute,
    unit: 'ms',
    meaning: 'How long flushed records stay, as room for restoring a slightly older database',
  }),

  // Passwords
  bcryptCost: integer({
    name: 'SUHBAT_BCRYPT_COST',
    default: 12,
    min: 4,
    max: 15,
    meaning: 'Work per password hash, each step doubles it; below 10 is for tests and is warned of',
  }),
  bcryptThreads: integer({
    name: 'SUHBAT_BCRYPT_THREADS',
    default: 1,
    min: 1,
    max: 64,
    meaning: 'Worker threads for password hashes',
  }),
  bcryptQueue: integer({
    name: 'SUHBAT_BCRYPT_QUEUE',
    default: 16,
    min: 1,
    max: 10_000,
    unit: 'hashes',
    meaning: 'Password hashes that may wait for each thread; more are refused as rate_limited',
  }),

  // Logins and administration
  loginLife: integer({
    name: 'SUHBAT_LOGIN_LIFE',
    default: 90,
    min: 7,
    max: 3650,
    unit: 'days',
    meaning: 'After so long a login ends, however often its tokens were refreshed',
  }),
  adminEmail: optional({
    name: 'ADMIN_EMAIL',
    type: 'a mail address',
    read: (given) => (/^[^\s@]+@[^\s@]+$/.test(given) ? given : undefined),
    secret: true,
    meaning: 'Whose verified address this is becomes the first admin',
  }),

  // Work outside of requests
  jobs: integer({
    name: 'SUHBAT_JOBS',
    default: 4,
    min: 1,
    max: 100,
    meaning: 'Jobs (mail and other work outside of requests) that one process does at the same time',
  }),

  // Secrets: made and kept in the data folder where PostgreSQL is embedded, required where it is not
  tokenKey: optional({
    name: 'SUHBAT_TOKEN_KEY',
    type: 'a P-256 private key (PKCS#8) as PEM, or as the base64 of its PEM or DER',
    read: readTokenKey,
    secret: true,
    meaning: 'Signs access tokens (ES256)',
  }),
  refreshSecret: optional({
    name: 'SUHBAT_REFRESH_SECRET',
    type: 'at least 32 characters',
    read: (given) => (/^.{32,}$/.test(given) ? given : undefined),
    secret: true,
    meaning: 'Makes refresh tokens',
  }),

  ...serverFields,
} satisfies Record<string, Field<unknown>>;

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text;
}

function isAddressBlock(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { chatKind } from '../actors/chat/kind.ts';
import { createSqlChatStore } from '../actors/chat/sql-store.ts';
import { createActors } from '../actors/client/actors.ts';
import { createShardMap } from '../actors/client/placement.ts';
import { type FileJournal, openFileJournal } from '../actors/journal/file-journal.ts';
import { JournalError } from '../actors/journal/journal.ts';
import type { FlushStore } from '../actors/runtime/flush-store.ts';
import { actorActions, actorsService } from '../actors/runtime/host.service.ts';
import { ActorHost } from '../actors/runtime/host.ts';
import { anyKind } from '../actors/runtime/kind.ts';
import { createPostgresFlushStore } from '../actors/runtime/postgres-flush-store.ts';
import { userKind } from '../actors/user/kind.ts';
import { createUserStore } from '../actors/user/store.ts';
import { accountRoutes } from '../gateway/http/routes/accounts.ts';
import { chatRoutes } from '../gateway/http/routes/chats.ts';
import { messageRoutes } from '../gateway/http/routes/messages.ts';
import { createGateway, type GatewayParts } from '../gateway/server.ts';
import { createChatsService } from '../services/chats/chats.service.ts';
import { createKeysService } from '../services/keys/keys.service.ts';
import { migrate } from '../services/migrations/migrate.ts';
import { revokedSince } from '../services/users/logins.store.ts';
import { createPasswords, type Passwords } from '../services/users/passwords.ts';
import { createRefreshTokens } from '../services/users/refresh-tokens.ts';
import { createUsersService } from '../services/users/users.service.ts';
import { createBroker, createCall, createNodeCall } from './broker/broker.ts';
import type { Bus } from './bus/bus.ts';
import { createLocalBus } from './bus/local-bus.ts';
import { type Config, loadConfig } from './config/load.ts';
import { ratesOf } from './config/rates.ts';
import { openSecrets } from './config/secrets.ts';
import { helpText } from './config/table.ts';
import { fixShards } from './connections/cluster-settings.ts';
import {
  connectPostgres,
  type Database,
  type PostgresOptions,
  type Transaction,
} from './connections/postgres.ts';
import { type DataFolder, openDataFolder } from './embedded/data-folder.ts';
import { startEmbeddedPostgres } from './embedded/postgres.ts';
import { createMemoryStore } from './ephemeral/memory-store.ts';
import { thisBuild } from './process/build.ts';
import { systemClock } from './process/clock.ts';
import { type Check, createHealth } from './process/health.ts';
import type { Lifecycle } from './process/lifecycle.ts';
import { recent } from './process/recent.ts';
import { runProcess, startSentence } from './process/run.ts';
import { StartError } from './process/start-error.ts';
import { clockToleranceS, createAccessTokens } from './security/access-tokens.ts';
import { createRevokedLogins, type RevokedLogins } from './security/revoked-logins.ts';
import { askObserver, runtimeObserver, sampleActors, sampleQueue } from './telemetry/actors.ts';
import { createLogger, namespaced } from './telemetry/logger.ts';
import { createMetrics, watchProcess } from './telemetry/metrics.ts';

/** The composition root: every part of a process, in the order in which it starts. */

const config = readConfig();
const clock = systemClock;
const logger = createLogger(config.logLevel);
const metrics = createMetrics();
const build = thisBuild();
const health = createHealth(clock, build);

/** Access tokens live so long: what was revoked earlier has expired. */
const tokenLifeMs = 15 * 60_000;
/** For migrations, the flusher's own look-ups, PostgreSQL's reserve, and a person with `psql`. */
const spareConnections = 20;

await runProcess({
  logger,
  clock,
  stopDeadlineMs: config.stopDeadline,
  start,
  draining: () => health.phase('draining'),
});

async function start(life: Lifecycle): Promise<void> {
  const nodeId = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  metrics.build.set(build, 1);
  watchProcess(metrics);

  // What is kept: the folder, secrets, PostgreSQL.
  const folder = await life.part(
    'data folder',
    () => openDataFolder(config.dataDir),
    (held) => held.release(),
  );
  const secrets = await openSecrets(config, folder.path);
  const url = config.databaseUrl ?? (await embeddedUrl(life, folder));
  const applied = await migrate({ url, onWait: (why) => logger.warn({ why }, 'waiting for the database') });
  if (applied.length > 0) logger.info({ migrations: applied }, 'the database was brought up to date');
  const db = await connect(life, 'database', url, {
    maxConnections: config.databasePool,
    statementTimeoutMs: config.callTimeout,
  });
  await fixShards(db, config.shards);

  // What every part speaks through.
  const bus = createLocalBus();
  const ephemeral = createMemoryStore(clock);
  const broker = createBroker({
    nodeId,
    logger: namespaced(logger, 'broker'),
    requestTimeoutMs: config.callTimeout,
  });
  const tokens = createAccessTokens({
    privateKeyPem: secrets.tokenKey,
    clock,
    lifetimeS: tokenLifeMs / 1000,
  });
  const revoked = await startRevokedLogins(life, db, bus);

  const host = await startActors(life, { nodeId, folder, url, db, bus });
  broker.createService(actorsService(host));
  const actors = createActors({
    callNode: createNodeCall(broker, { node: nodeId, actions: actorActions(host) }),
    map: createShardMap(config.shards, [nodeId]),
    shards: config.shards,
    clock,
    random: Math.random,
    budgetMs: config.callTimeout,
    observe: askObserver(metrics),
  });

  const passwords = await startPasswords(life);
  const refreshTokens = createRefreshTokens(secrets.refreshSecret);
  broker.createService(createUsersService({ db, bus, ephemeral, clock, tokens, refreshTokens, passwords }));
  const call = createCall(broker, (action, code, seconds) =>
    metrics.callSeconds.observe({ action, code }, seconds),
  );
  broker.createService(createChatsService({ db, actors, call }));
  broker.createService(createKeysService({ db, clock }));
  await life.part(
    'broker',
    () => broker.start(),
    () => broker.stop(),
  );
  const port = await startGateway(life, { nodeId, call, actors, bus, tokens, revoked });

  if (config.bcryptCost < 10) logger.warn('SUHBAT_BCRYPT_COST is below 10: good for tests only');
  logger.info({ node: nodeId, port, ...build }, 'ready');
  health.phase('ready');
  process.stdout.write(`suhbat ready http://${reachable(config.host)}:${port}\n`);
}

/** The settings; ends the process here for `--help` and for what is wrong with them. */
function readConfig(): Config {
  try {
    const loaded = loadConfig(process.env, process.argv.slice(2));
    if (loaded !== 'help') return loaded;
    process.stdout.write(helpText());
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${startSentence(error)}\n`);
    process.exit(1);
  }
}

async function embeddedUrl(life: Lifecycle, folder: DataFolder): Promise<string> {
  const log = namespaced(logger, 'postgres');
  const postgres = await life.part(
    'postgres',
    () =>
      startEmbeddedPostgres({
        dir: join(folder.path, 'postgres'),
        clock,
        settings: { max_connections: String(config.databasePool + config.flushLanes + spareConnections) },
        onLog: (level, message) => log[level](message),
      }),
    (running, withinMs) => running.stop(withinMs),
  );
  return postgres.url;
}

type PoolBounds = Pick<
  PostgresOptions,
  'maxConnections' | 'statementTimeoutMs' | 'idleInTransactionTimeoutMs'
>;

function connect(life: Lifecycle, name: string, url: string, bounds: PoolBounds): Promise<Database> {
  const log = namespaced(logger, name);
  const onError = (error: Error) => log.warn({ err: error }, 'a database connection was lost');
  return life.part(
    name,
    () => connectPostgres({ url, applicationName: `suhbat ${name}`, ...bounds, onError, clock }),
    (pool) => pool.end(),
  );
}

async function startPasswords(life: Lifecycle): Promise<Passwords> {
  const passwords = await life.part(
    'passwords',
    () =>
      createPasswords({
        cost: config.bcryptCost,
        threads: config.bcryptThreads,
        queue: config.bcryptQueue,
        patienceMs: config.callTimeout,
        onHash: (seconds) => metrics.bcryptSeconds.observe(seconds),
        onRefusal: () => metrics.bcryptRefused.inc(),
      }),
    (pool) => pool.close(),
  );
  const limit = config.bcryptThreads * (config.bcryptQueue + 1);
  metrics.sample(() => sampleQueue(metrics, 'bcrypt', passwords.pending(), limit));
  return passwords;
}

/** Made before it learns what the database knows, so that nothing falls between. */
async function startRevokedLogins(life: Lifecycle, db: Database, bus: Bus): Promise<RevokedLogins> {
  const ttlMs = tokenLifeMs + clockToleranceS * 1000;
  const revoked = await life.part(
    'revoked logins',
    () => createRevokedLogins({ bus, clock, ttlMs }),
    (list) => list.close(),
  );
  revoked.learn(await revokedSince(db, clock.now() - ttlMs));
  return revoked;
}

async function startGateway(
  life: Lifecycle,
  parts: Pick<GatewayParts, 'nodeId' | 'call' | 'actors' | 'bus' | 'tokens' | 'revoked'>,
): Promise<number> {
  const gateway = createGateway({
    ...parts,
    settings: config,
    rates: ratesOf(config),
    clock,
    logger,
    metrics,
    health,
    routes: [...accountRoutes, ...chatRoutes, ...messageRoutes],
  });
  const { port } = await life.part(
    'gateway',
    () => gateway.listen(),
    async (_, withinMs) => {
      await gateway.drain(withinMs / 2);
      gateway.close();
    },
  );
  return port;
}

/** The host of the ready line: an address that listens on all is none that a client can name. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** The journal, the flusher's own connections, and the actors of this node. */
async function startActors(
  life: Lifecycle,
  parts: { nodeId: string; folder: DataFolder; url: string; db: Database; bus: Bus },
): Promise<ActorHost<Transaction>> {
  const log = namespaced(logger, 'actors');
  const map = createShardMap(config.shards, [parts.nodeId]);
  // A pool of its own, so that requests cannot hold the write-behind up; for its bounds see the store.
  const pool = await connect(life, 'flusher', parts.url, {
    maxConnections: config.flushLanes + 1,
    statementTimeoutMs: 30_000,
    idleInTransactionTimeoutMs: 2000,
  });
  const store = createPostgresFlushStore(pool);
  const journal = await startJournal(life, parts.folder, store);
  const host = new ActorHost<Transaction>({
    node: parts.nodeId,
    shards: config.shards,
    journal,
    store,
    kinds: [
      anyKind(chatKind(createSqlChatStore(parts.db))),
      anyKind(userKind(createUserStore(parts.db), { graceMs: config.presenceGrace, pingMs: 60_000 })),
    ],
    bus: parts.bus,
    clock,
    observer: runtimeObserver(metrics),
    placement: { owner: map.owner, isLive: map.isLive, askRelease: () => {} },
    options: {
      actorQueue: config.actorQueue,
      activations: config.maxActivations,
      idleMs: config.activationIdle,
      lanes: config.flushLanes,
      trimBehindMs: config.journalKeep,
    },
    log: (level, message, error) => log[level]({ err: error }, message),
  });
  // Counting walks over every activation: not for each of many readers.
  const stats = recent(clock, 1000, () => host.stats());
  metrics.sample(() => {
    sampleActors(metrics, stats());
    const { bytes, maxBytes } = journal.usage();
    metrics.journalBytes.set(bytes);
    sampleQueue(metrics, 'journal_bytes', bytes, maxBytes);
  });
  health.add('journal', () => {
    if (journal.failure()) return degraded('takes no more writes');
    return stats().journalAway ? degraded('has no room, or does not answer') : { status: 'ok' };
  });
  health.add('database', () =>
    stats().flushFailing ? degraded('the write-behind fails') : { status: 'ok' },
  );
  return life.part(
    'actors',
    () => host.start().then(() => host),
    (started, withinMs) => started.drain(withinMs),
  );
}

function degraded(detail: string): Check {
  return { status: 'degraded', detail };
}

function startJournal(
  life: Lifecycle,
  folder: DataFolder,
  store: FlushStore<Transaction>,
): Promise<FileJournal> {
  const log = namespaced(logger, 'journal');
  return life.part(
    'journal',
    () =>
      openFileJournal({
        dir: join(folder.path, 'journal'),
        clock,
        checkpoints: (journalId) => checkpointsOf(store, journalId),
        segmentBytes: config.journalSegment,
        maxBytes: config.journalMax,
        onRound({ appendSeconds, syncSeconds }) {
          metrics.journalAppendSeconds.observe(appendSeconds);
          metrics.journalFsyncSeconds.observe(syncSeconds);
        },
        onCut: (cut) => log.warn({ cut }, 'the torn end of the journal was cut off'),
        onFailure: (failure) => log.fatal({ err: failure }, 'the journal takes no more writes'),
      }).catch((error: unknown) => {
        throw error instanceof JournalError
          ? new StartError(`Suhbat cannot start: ${error.message}`, error)
          : error;
      }),
    (journal) => journal.close(),
  );
}

async function checkpointsOf(
  store: FlushStore<Transaction>,
  journalId: string,
): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (let shard = 0; shard < config.shards; shard++) {
    const row = await store.checkpoint(shard);
    if (row?.journal_id === journalId) found.set(shard, row.position);
  }
  return found;
}

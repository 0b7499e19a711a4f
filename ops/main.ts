import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createActors } from '../actors/client/actors.ts';
import { createShardMap } from '../actors/client/placement.ts';
import { actorActions, actorsService } from '../actors/runtime/host.service.ts';
import { revokedSince } from '../services/users/logins.store.ts';
import { createBroker, createCall, createNodeCall } from './broker/broker.ts';
import type { Bus } from './bus/bus.ts';
import { createLocalBus } from './bus/local-bus.ts';
import { type Config, loadConfig } from './config/load.ts';
import { helpText } from './config/table.ts';
import type { Database } from './connections/postgres.ts';
import { createMemoryStore } from './ephemeral/memory-store.ts';
import { thisBuild } from './process/build.ts';
import { systemClock } from './process/clock.ts';
import { createHealth } from './process/health.ts';
import type { Lifecycle } from './process/lifecycle.ts';
import { runProcess, startSentence } from './process/run.ts';
import { createActorHost, startActorHost } from './roles/actors.ts';
import { startGateway } from './roles/gateway.ts';
import { createServices } from './roles/services.ts';
import { openStorage } from './roles/storage.ts';
import { clockToleranceS, createAccessTokens } from './security/access-tokens.ts';
import { createRevokedLogins, type RevokedLogins } from './security/revoked-logins.ts';
import { askObserver } from './telemetry/actors.ts';
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

await runProcess({
  logger,
  clock,
  stopDeadlineMs: config.stopDeadline,
  start,
  draining: () => health.phase('draining'),
});

async function start(life: Lifecycle): Promise<void> {
  const nodeId = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const own = { nodeId, life, config, clock, logger, metrics, health };
  metrics.build.set(build, 1);
  watchProcess(metrics);
  const storage = await openStorage(own);

  // What every part speaks through.
  const bus = createLocalBus();
  const ephemeral = createMemoryStore(clock);
  const broker = createBroker({
    nodeId,
    logger: namespaced(logger, 'broker'),
    requestTimeoutMs: config.callTimeout,
  });
  const call = createCall(broker, (action, code, seconds) =>
    metrics.callSeconds.observe({ action, code }, seconds),
  );
  const tokens = createAccessTokens({
    privateKeyPem: storage.secrets.tokenKey,
    clock,
    lifetimeS: tokenLifeMs / 1000,
  });
  const revoked = await startRevokedLogins(life, storage.db, bus);

  const map = createShardMap(config.shards, [nodeId]);
  const placement = { owner: map.owner, isLive: map.isLive, askRelease: () => {} };
  const host = await createActorHost(own, { storage, bus, placement });
  broker.createService(actorsService(host));
  const actors = createActors({
    callNode: createNodeCall(broker, { node: nodeId, actions: actorActions(host) }),
    map,
    shards: config.shards,
    clock,
    random: Math.random,
    budgetMs: config.callTimeout,
    observe: askObserver(metrics),
  });
  await createServices(own, { storage, broker, call, actors, bus, ephemeral, tokens });
  await life.part(
    'broker',
    () => broker.start(),
    () => broker.stop(),
  );
  await startActorHost(own, host);
  const url = await startGateway(own, { call, actors, bus, tokens, revoked });

  if (config.bcryptCost < 10) logger.warn('SUHBAT_BCRYPT_COST is below 10: good for tests only');
  logger.info({ node: nodeId, url, ...build }, 'ready');
  health.phase('ready');
  process.stdout.write(`suhbat ready ${url}\n`);
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

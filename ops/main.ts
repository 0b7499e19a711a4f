import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createActors } from '../actors/client/actors.ts';
import { followMembership } from '../actors/client/placement.ts';
import type { Role } from './config/fields.ts';
import { type Config, loadConfig } from './config/load.ts';
import { givenSecrets, openSecrets } from './config/secrets.ts';
import { helpText } from './config/table.ts';
import { thisBuild } from './process/build.ts';
import { systemClock } from './process/clock.ts';
import { createHealth } from './process/health.ts';
import type { Lifecycle } from './process/lifecycle.ts';
import { startOpsServer } from './process/ops-server.ts';
import { runProcess, startSentence } from './process/run.ts';
import { nodeCall, openLinks, startBroker } from './roles/links.ts';
import { reachable } from './roles/process.ts';
import { openFolder, openStorage } from './roles/storage.ts';
import { createAccessTokens, tokenLifeMs } from './security/access-tokens.ts';
import { askObserver } from './telemetry/actors.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics, watchProcess } from './telemetry/metrics.ts';

/** The composition root: every part of a process, in the order in which it starts. */

const config = readConfig();
const clock = systemClock;
const logger = createLogger(config.logLevel);
const metrics = createMetrics();
const build = thisBuild();
const health = createHealth(clock, build);

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
  const runs = (role: Role) => config.roles.includes(role);
  const parts = await loadParts(runs);
  metrics.build.set(build, 1);
  watchProcess(metrics);
  const operators = config.natsUrl === undefined ? undefined : await startOperators(life);

  // What is kept, and what every part speaks through.
  const folder = await openFolder(own);
  const secrets =
    folder === undefined ? givenSecrets(config, neededSecrets(runs)) : await openSecrets(config, folder.path);
  const storage = runs('actors') || runs('services') ? await openStorage(own, folder) : undefined;
  const links = await openLinks(own);
  const { membership, map } = links;

  // The roles, made before the broker offers them.
  const host =
    parts.actors && storage ? await parts.actors.createActorHost(own, { storage, links }) : undefined;
  const actors = createActors({
    callNode: nodeCall(own, links, host && parts.actors?.actorActions(host)),
    map,
    shards: config.shards,
    clock,
    random: Math.random,
    budgetMs: config.callTimeout,
    observe: askObserver(metrics),
  });
  const tokens =
    parts.gateway || parts.services
      ? createAccessTokens({ privateKeyPem: secrets.tokenKey, clock, lifetimeS: tokenLifeMs / 1000 })
      : undefined;
  const objects = await parts.objects?.openObjects(own, secrets.tokenKey);
  const jobs =
    parts.services && storage && tokens && objects
      ? await parts.services.createServices(own, { storage, secrets, links, actors, tokens, objects })
      : undefined;
  await startBroker(own, links);
  if (jobs && storage) await parts.jobs?.startJobs(own, storage, jobs);
  followMembership(map, membership, () => host?.placementChanged());

  // What others may now give us to do.
  await life.part(
    'membership',
    () => membership.enter(config.roles),
    () => membership.drain(),
  );
  if (host) await parts.actors?.startActorHost(own, host, membership);
  const url =
    parts.gateway && tokens && objects
      ? await parts.gateway.startGateway(own, { links, actors, tokens, secrets, objects })
      : `${operators} (${config.roles.join(', ')})`;

  if (config.bcryptCost < 10) logger.warn('SUHBAT_BCRYPT_COST is below 10: good for tests only');
  logger.info({ node: nodeId, roles: config.roles, url, ...build }, 'ready');
  health.phase('ready');
  if (operators) process.stdout.write(`suhbat operators ${operators}\n`);
  process.stdout.write(`suhbat ready ${url}\n`);
}

/** A process loads only what its roles need: an actors process has no use for pictures, pages and S3. */
async function loadParts(runs: (role: Role) => boolean) {
  const [actors, gateway, services, jobs, objects] = await Promise.all([
    runs('actors') ? import('./roles/actors.ts') : undefined,
    runs('gateway') ? import('./roles/gateway.ts') : undefined,
    runs('services') ? import('./roles/services.ts') : undefined,
    runs('services') ? import('./roles/jobs.ts') : undefined,
    runs('gateway') || runs('services') ? import('./roles/objects.ts') : undefined,
  ]);
  return { actors, gateway, services, jobs, objects };
}

/** Health and metrics of one process of a cluster. */
async function startOperators(life: Lifecycle): Promise<string> {
  const { opsHost: host, opsPort: port } = config;
  const server = await life.part(
    'operators',
    () => startOpsServer({ host, port, health, metrics }),
    (running) => running.close(),
  );
  return `http://${reachable(host)}:${server.port}`;
}

function neededSecrets(runs: (role: Role) => boolean): ('tokenKey' | 'refreshSecret')[] {
  if (runs('services')) return ['tokenKey', 'refreshSecret'];
  return runs('gateway') ? ['tokenKey'] : [];
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

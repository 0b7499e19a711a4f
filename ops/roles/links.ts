import { createShardMap, type ShardMap } from '../../actors/client/placement.ts';
import {
  createBroker,
  createCall,
  createNodeCall,
  type NodeCall,
  type OwnActions,
} from '../broker/broker.ts';
import type { Call } from '../broker/call.ts';
import { createMembership, type Membership } from '../broker/membership.ts';
import type { Bus } from '../bus/bus.ts';
import { createLocalBus } from '../bus/local-bus.ts';
import { createNatsBus } from '../bus/nats-bus.ts';
import { roles } from '../config/fields.ts';
import { connectNats, type NatsLink } from '../connections/nats.ts';
import { connectRedis, type RedisLink } from '../connections/redis.ts';
import { createMemoryStore } from '../ephemeral/memory-store.ts';
import { createRedisStore } from '../ephemeral/redis-store.ts';
import type { EphemeralStore } from '../ephemeral/store.ts';
import { sleep } from '../process/clock.ts';
import { StartError } from '../process/start-error.ts';
import { namespaced } from '../telemetry/logger.ts';
import { sampleQueue } from '../telemetry/queues.ts';
import { degraded, type Process } from './process.ts';

/** What the parts of a process speak through, with each other and with other processes. */
export interface Links {
  bus: Bus;
  broker: ReturnType<typeof createBroker>;
  call: Call;
  membership: Membership;
  /** Kept as the membership is, once that is followed. */
  map: ShardMap;
  ephemeral: EphemeralStore;
  redis: RedisLink | undefined;
}

/** Calls of this process to others without an answer. */
const callsMost = 10_000;

/** In the order in which they depend on each other; the broker is not started yet. */
export async function openLinks(process: Process): Promise<Links> {
  const { nodeId, config, clock, logger, metrics } = process;
  const redis = config.redisUrl === undefined ? undefined : await openRedis(process, config.redisUrl);
  const bus = config.natsUrl === undefined ? createLocalBus() : await openBus(process, config.natsUrl);
  const broker = createBroker({
    nodeId,
    logger: namespaced(logger, 'broker'),
    requestTimeoutMs: config.callTimeout,
    natsUrl: config.natsUrl,
    namespace: config.namespace,
    callsInFlight: callsMost,
  });
  const membership = createMembership(broker);
  if (config.natsUrl !== undefined)
    metrics.sample(() => {
      const calls = (broker.transit?.pendingRequests.size ?? 0) + (broker.joined?.size ?? 0);
      sampleQueue(metrics, 'calls', calls, callsMost);
      for (const role of roles)
        metrics.members.set({ role }, membership.members().filter((one) => one.roles.includes(role)).length);
    });
  return {
    bus,
    broker,
    call: createCall(broker, (action, code, seconds) =>
      metrics.callSeconds.observe({ action, code }, seconds),
    ),
    membership,
    map: createShardMap(config.shards),
    ephemeral:
      redis === undefined ? createMemoryStore(clock) : createRedisStore(redis, `${config.namespace}:`),
    redis,
  };
}

/** Starts the broker; a process that is not alone learns who else is there. */
export async function startBroker({ life }: Process, { broker }: Links): Promise<void> {
  // Where NATS is away now, it is tried until it is back.
  await life.waitingPart(
    'broker',
    () => broker.start(),
    () => broker.stop(),
  );
}

/** How actors are asked on a node; `own` are this node's. */
export function nodeCall({ nodeId }: Process, { broker }: Links, own?: OwnActions['actions']): NodeCall {
  return createNodeCall(broker, own && { node: nodeId, actions: own });
}

/** A start waits so long for NATS, which may be starting too. */
const natsStartMs = 60_000;
const natsRetryMs = 1000;

/** One connection of its own for each use: what one of them sends never waits for another. */
export function openNats(process: Process, url: string, use: string): Promise<NatsLink> {
  const { life, clock, logger, health, nodeId } = process;
  const log = namespaced(logger, 'nats');
  return life.waitingPart(
    `nats ${use}`,
    async () => {
      const until = clock.monotonic() + natsStartMs;
      for (;;) {
        try {
          const link = await connectNats({
            url,
            name: `suhbat ${use} ${nodeId}`,
            onChange: (change) => log.warn({ use, change }, 'the connection to NATS has changed'),
          });
          health.add(`nats ${use}`, () => (link.up() ? { status: 'ok' } : degraded('no connection to NATS')));
          return link;
        } catch (error) {
          if (clock.monotonic() >= until)
            throw new StartError('Suhbat cannot start: no NATS server answers at NATS_URL.', error);
          log.warn({ code: (error as { code?: string }).code }, 'waiting for NATS');
          await sleep(clock, natsRetryMs);
        }
      }
    },
    (link) => link.close(),
  );
}

/** What may wait for the socket to NATS: 16 MiB. */
const busBytesMost = 16 * 1024 * 1024;

async function openBus(process: Process, url: string): Promise<Bus> {
  const { life, config, clock, metrics } = process;
  const link = await openNats(process, url, 'bus');
  const bus = await life.part(
    'bus',
    () => createNatsBus({ link, clock, prefix: `${config.namespace}.bus`, mostWaitingBytes: busBytesMost }),
    (started) => started.close(),
  );
  metrics.sample(() => {
    const { dropped, malformed, waitingBytes } = bus.stats();
    for (const [why, count] of Object.entries({ ...dropped, malformed }))
      metrics.busDropped.set({ why }, count);
    sampleQueue(metrics, 'bus_bytes', waitingBytes, busBytesMost);
  });
  return bus;
}

function openRedis(process: Process, url: string): Promise<RedisLink> {
  const { life, logger, health } = process;
  const log = namespaced(logger, 'redis');
  return life.waitingPart(
    'redis',
    async () => {
      const redis = await connectRedis({
        url,
        name: 'suhbat',
        onChange: (change) => log.warn({ change }, 'the connection to Redis has changed'),
      });
      if (!redis.up()) log.warn({ why: redis.trouble() }, 'Redis does not answer; starting without it');
      health.add('redis', () => (redis.up() ? { status: 'ok' } : degraded('no connection to Redis')));
      return redis;
    },
    (redis) => redis.close(),
  );
}

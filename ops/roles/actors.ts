import { chatKind } from '../../actors/chat/kind.ts';
import { createSqlChatStore } from '../../actors/chat/sql-store.ts';
import { shardOf } from '../../actors/client/shard-of.ts';
import type { FlushStore } from '../../actors/runtime/flush-store.ts';
import { actorActions, actorsService, createAskRelease } from '../../actors/runtime/host.service.ts';
import { ActorHost } from '../../actors/runtime/host.ts';
import { anyKind } from '../../actors/runtime/kind.ts';
import { createPostgresFlushStore } from '../../actors/runtime/postgres-flush-store.ts';
import { userKind } from '../../actors/user/kind.ts';
import { followGateways } from '../../actors/user/lost-gateways.ts';
import { createUserStore } from '../../actors/user/store.ts';
import { createWanted, type Wanted } from '../../actors/user/wanted.ts';
import type { Membership } from '../broker/membership.ts';
import type { Transaction } from '../connections/postgres.ts';
import { recent } from '../process/recent.ts';
import { runtimeObserver, sampleActors } from '../telemetry/actors.ts';
import { namespaced } from '../telemetry/logger.ts';
import { sampleQueue } from '../telemetry/queues.ts';
import { openJournal, type UsedJournal } from './journal.ts';
import { type Links, nodeCall } from './links.ts';
import { degraded, type Process } from './process.ts';
import { connect, type Storage } from './storage.ts';

export { actorActions };

/** How long one `presence.ping` counts, in milliseconds: api.md. */
const presencePingMs = 60_000;
/** Counting walks over every activation: not for each of many readers. */
const statsMs = 1000;

/** The actors of this node, with their journal and the flusher's own connections; not started yet. */
export async function createActorHost(
  process: Process,
  { storage, links }: { storage: Storage; links: Links },
): Promise<ActorHost<Transaction>> {
  const { config, clock, metrics, logger } = process;
  const { owner, isLive } = links.map;
  const log = namespaced(logger, 'actors');
  // A pool of its own, so that requests cannot hold the write-behind up; for its bounds see the store.
  const pool = await connect(process, 'flusher', storage.url, {
    maxConnections: config.flushLanes + 1,
    statementTimeoutMs: 30_000,
    idleInTransactionTimeoutMs: 2000,
  });
  const wanted = config.natsUrl === undefined ? undefined : await openWanted(process, links);
  const store: FlushStore<Transaction> = createPostgresFlushStore(pool);
  let journal = await openJournal(process, { folder: storage.folder, store });
  const { reopen } = journal;
  const host = new ActorHost<Transaction>({
    node: process.nodeId,
    shards: config.shards,
    journal,
    ...(reopen && {
      reopenJournal: async () => {
        journal = await reopen();
        return journal;
      },
    }),
    store,
    kinds: [
      anyKind(chatKind(createSqlChatStore(storage.db))),
      anyKind(
        userKind(
          createUserStore(storage.db),
          { graceMs: config.presenceGrace, pingMs: presencePingMs },
          wanted && ((id) => wanted.settling(shardOf('user', id, config.shards))),
        ),
      ),
    ],
    bus: links.bus,
    clock,
    observer: runtimeObserver(metrics),
    placement: { owner, isLive, askRelease: createAskRelease(nodeCall(process, links)) },
    options: {
      actorQueue: config.actorQueue,
      activations: config.maxActivations,
      idleMs: config.activationIdle,
      lanes: config.flushLanes,
      trimBehindMs: config.journalKeep,
    },
    ...(wanted && { serving: (shard: number) => wanted.shard(shard) }),
    log: (level, message, error) => log[level]({ err: error }, message),
  });
  journal.onBack?.(() => void host.journalBack());
  if (wanted) await watchGateways(process, links, { host, wanted });
  links.broker.joined?.serve(actorActions(host));
  links.broker.createService(actorsService(host));
  watch(process, host, () => journal);
  return host;
}

/** Claims shards from now on. When the process stops, other nodes hear that first and take them over. */
export async function startActorHost(
  { life }: Process,
  host: ActorHost<Transaction>,
  membership: Membership,
): Promise<void> {
  await life.part(
    'actors',
    () => host.start(),
    (_, withinMs) => {
      membership.drain();
      return host.drain(withinMs);
    },
  );
}

/** Where gateways are other processes, they announce connections again to user actors that began anew. */
function openWanted({ life, nodeId, clock }: Process, { bus }: Links): Promise<Wanted> {
  return life.part(
    'wanted connections',
    () => createWanted({ node: nodeId, bus, clock }),
    (wanted) => wanted.close(),
  );
}

async function watchGateways(
  { life, config, clock }: Process,
  { membership }: Links,
  { host, wanted }: { host: ActorHost<Transaction>; wanted: Wanted },
): Promise<void> {
  await life.part(
    'lost gateways',
    () =>
      followGateways({
        membership,
        tellAll: (command, still) => host.tellAll('user', command, still),
        wanted,
        clock,
        budgetMs: config.callTimeout,
      }),
    (end) => end(),
  );
}

function watch(
  { clock, metrics, health }: Process,
  host: ActorHost<Transaction>,
  journal: () => UsedJournal,
): void {
  const stats = recent(clock, statsMs, () => host.stats());
  metrics.sample(() => {
    sampleActors(metrics, stats());
    const { bytes, maxBytes } = journal().usage();
    metrics.journalBytes.set(bytes);
    sampleQueue(metrics, 'journal_bytes', bytes, maxBytes);
  });
  health.add('journal', () => {
    if (journal().failure()) return degraded('takes no more writes');
    return stats().journalAway ? degraded('has no room, or does not answer') : { status: 'ok' };
  });
  health.add('database', () =>
    stats().flushFailing ? degraded('the write-behind fails') : { status: 'ok' },
  );
}

import type { Metrics } from './metrics.ts';
import { sampleQueue } from './queues.ts';

/** What the actor runtime tells, as metrics. */
export function runtimeObserver(metrics: Metrics) {
  const gateWait = metrics.gateWaitSeconds.labels('journaled');
  const storedWait = metrics.gateWaitSeconds.labels('stored');
  return {
    batch(events: number, bytes: number, waitedSeconds: number): void {
      metrics.batchEvents.observe(events);
      metrics.batchBytes.observe(bytes);
      gateWait.observe(waitedSeconds);
    },
    stored: (waitedSeconds: number) => storedWait.observe(waitedSeconds),
    refused: () => metrics.appendsRefused.inc(),
    claimed: () => metrics.shardsClaimed.inc(),
    loaded: (kind: string, seconds: number) => metrics.activationSeconds.observe({ kind }, seconds),
    flush(events: number, seconds: number): void {
      metrics.flushEvents.observe(events);
      metrics.flushSeconds.observe(seconds);
    },
    flushFailed: () => metrics.flushFailures.inc(),
    buried: (kind: string) => metrics.deadLetters.inc({ kind }),
  };
}

/** Told how long asks took, by kind. Labels are looked up once: hashing them costs more than counting. */
export function askObserver(metrics: Metrics) {
  const timers = new Map<string, { observe(seconds: number): void }>();
  return (kind: string, seconds: number): void => {
    const timer = timers.get(kind) ?? metrics.askSeconds.labels(kind);
    timers.set(kind, timer);
    timer.observe(seconds);
  };
}

/** What the actor runtime counts about itself anyway. */
export interface ActorCounts {
  /** Shards by their state on this node. */
  shards: Record<string, number>;
  /** Activations by kind. */
  actors: Record<string, number>;
  /** Activations that this node may hold. */
  actorLimit: number;
  unflushedEvents: number;
  unflushedBytes: number;
  unflushedLimit: number;
  /** Age of the oldest committed event that PostgreSQL lacks, in seconds. */
  flushLag: number;
  /** Commands that have not had their turn. */
  waiting: number;
}

export function sampleActors(metrics: Metrics, counts: ActorCounts): void {
  // A state that no shard is in any more is not told.
  metrics.shards.reset();
  for (const [state, count] of Object.entries(counts.shards)) metrics.shards.set({ state }, count);
  metrics.quarantinedShards.set(counts.shards.quarantined ?? 0);
  let actors = 0;
  for (const [kind, count] of Object.entries(counts.actors)) {
    metrics.activeActors.set({ kind }, count);
    actors += count;
  }
  metrics.flushWaiting.set(counts.unflushedEvents);
  metrics.flushLagSeconds.set(counts.flushLag);
  metrics.queueDepth.set({ queue: 'commands' }, counts.waiting);
  sampleQueue(metrics, 'actors', actors, counts.actorLimit);
  sampleQueue(metrics, 'unflushed_bytes', counts.unflushedBytes, counts.unflushedLimit);
}

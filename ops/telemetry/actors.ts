import type { Metrics } from './metrics.ts';

/** What the actor runtime tells, as metrics. */
export function runtimeObserver(metrics: Metrics) {
  const gateWait = metrics.gateWaitSeconds.labels('journaled');
  return {
    batch(events: number, bytes: number, waitedSeconds: number): void {
      metrics.batchEvents.observe(events);
      metrics.batchBytes.observe(bytes);
      gateWait.observe(waitedSeconds);
    },
    refused: () => metrics.appendsRefused.inc(),
    flush(events: number, seconds: number): void {
      metrics.flushEvents.observe(events);
      metrics.flushSeconds.observe(seconds);
    },
    buried: (kind: string) => metrics.deadLetters.inc({ kind }),
  };
}

/** What the actor runtime counts about itself anyway. */
export interface ActorCounts {
  shards: Record<string, number>;
  actors: Record<string, number>;
  unflushedEvents: number;
  /** Seconds. */
  flushLag: number;
  /** Commands that have not had their turn. */
  waiting: number;
}

export function sampleActors(metrics: Metrics, counts: ActorCounts): void {
  // A state that no shard is in any more is not told.
  metrics.shards.reset();
  for (const [state, count] of Object.entries(counts.shards)) metrics.shards.set({ state }, count);
  for (const [kind, count] of Object.entries(counts.actors)) metrics.activeActors.set({ kind }, count);
  metrics.flushWaiting.set(counts.unflushedEvents);
  metrics.flushLagSeconds.set(counts.flushLag);
  metrics.queueDepth.set({ queue: 'commands' }, counts.waiting);
}

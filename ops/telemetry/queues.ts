import type { Metrics } from './metrics.ts';

/** How full a bounded queue is. */
export function sampleQueue(metrics: Metrics, queue: string, depth: number, limit: number): void {
  metrics.queueDepth.set({ queue }, depth);
  metrics.queueLimit.set({ queue }, limit);
}

import type { ActorCounts } from '../../ops/telemetry/actors.ts';
import type { Activation } from './activation.ts';
import type { RuntimeOptions } from './options.ts';
import type { OwnedShard } from './shard.ts';

export interface HostStats extends ActorCounts {
  /** Heads that beacons remember: at most as many as `actorLimit`. */
  heads: number;
  /** The journal does not take appends right now, or never again in this process. */
  journalAway: boolean;
  /** The last flush of some lane failed, or takes too long. */
  flushFailing: boolean;
}

export interface StatsParts {
  /** Monotonic. */
  now: number;
  kinds: readonly string[];
  states: Record<string, number>;
  shards: Iterable<OwnedShard>;
  activations: Iterable<Activation>;
  unflushedBytes: number;
  options: RuntimeOptions;
  heads: number;
  journalFailed: boolean;
  flushFailing: boolean;
}

/** Counts everything: not for each of many readers. */
export function statsOf(parts: StatsParts): HostStats {
  const { now, unflushedBytes, flushFailing, options } = parts;
  const actors = Object.fromEntries(parts.kinds.map((kind) => [kind, 0]));
  let waiting = 0;
  for (const activation of parts.activations) {
    const { name } = activation.kind;
    actors[name] = (actors[name] ?? 0) + 1;
    waiting += activation.waiting;
  }
  let unflushedEvents = 0;
  let oldest = now;
  let journalAway = parts.journalFailed;
  for (const { queue, appender, closed } of parts.shards) {
    for (const item of queue.items) unflushedEvents += item.events.length;
    oldest = Math.min(oldest, queue.items[0]?.committedAt ?? oldest);
    journalAway ||= appender.stalled && !closed;
  }
  const flushLag = (now - oldest) / 1000;
  return {
    shards: parts.states,
    actors,
    actorLimit: options.activations,
    unflushedEvents,
    unflushedBytes,
    unflushedLimit: options.unflushedBytes,
    flushLag,
    waiting,
    heads: parts.heads,
    journalAway,
    flushFailing,
  };
}

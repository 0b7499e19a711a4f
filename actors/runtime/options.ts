import { getHeapStatistics } from 'node:v8';

/** Bounds and times of the runtime. Sizes in bytes, times in milliseconds. */
export interface RuntimeOptions {
  /** A batch ends here. */
  batchBytes: number;
  /** What may wait in one shard for its journal; beyond it commands are refused. */
  shardQueueBytes: number;
  /** Commands that may wait in one actor. */
  actorQueue: number;
  /** Commands that may wait for one shard to be claimed; and outputs that may wait at its gate. */
  shardQueue: number;
  /** Activations in memory, all shards together. */
  activations: number;
  /** An activation unused for so long leaves memory. */
  idleMs: number;
  sweepMs: number;
  /** A read needs a confirmation of ownership that is younger than this. */
  fenceMs: number;
  /** How long a fenced node leaves the shard alone. */
  refenceMs: number;
  /** How often the checkpoint rows are looked at, though nothing is flushed. */
  checkpointLookMs: number;
  /** How often a shard in quarantine is looked at: an operator may have adopted it. */
  quarantineLookMs: number;
  /** How often the journal is asked whether a node has released a shard, while it does not say so itself. */
  heldMs: number;
  /** Shards that are handed to other nodes at once, and how long each may be flushed meanwhile. */
  handOffShards: number;
  handOffFlushMs: number;
  /** Appends of unknown outcome are repeated for so long; well below the journal's duplicate window. */
  inDoubtMs: number;
  /** Pause before an append, a claim or a flush is tried again; doubles up to `retryMaxMs`. */
  retryMs: number;
  retryMaxMs: number;
  lanes: number;
  /** Events in one flush transaction, and their bytes, about. */
  flushEvents: number;
  flushBytes: number;
  /** A flush transaction that takes so long counts as failing. */
  flushStuckMs: number;
  /** Least time between two flushes of a lane, unless an answer waits for one. */
  flushIntervalMs: number;
  /** Committed and unflushed events that may stay in memory, all shards together, as they stand in the journal. */
  unflushedBytes: number;
  /** The journal is trimmed this far behind the checkpoint. */
  trimBehindMs: number;
  /**
   * Records in the first page of a tail that is replayed (those after it may hold more, up to about a MiB), and shards
   * replayed at once: together they bound its memory.
   */
  replayRecords: number;
  replayShards: number;
  /** On a bus that may lose frames a chat's head is told so long after its last frame. */
  beaconMs: number;
  /** And once more after so long; until then it is told after every loss, and so are frames that say how things stand. */
  headKeptMs: number;
}

export const runtimeDefaults: RuntimeOptions = {
  batchBytes: 256 * 1024,
  shardQueueBytes: 8 * 1024 * 1024,
  actorQueue: 1000,
  shardQueue: 10_000,
  activations: 200_000,
  idleMs: 5 * 60_000,
  sweepMs: 5000,
  fenceMs: 1000,
  refenceMs: 3000,
  checkpointLookMs: 5000,
  quarantineLookMs: 5000,
  heldMs: 500,
  handOffShards: 4,
  handOffFlushMs: 500,
  inDoubtMs: 30_000,
  retryMs: 50,
  retryMaxMs: 2000,
  lanes: 2,
  flushEvents: 5000,
  flushBytes: 8 * 1024 * 1024,
  flushStuckMs: 5000,
  // At 500 messages/s gateways and actors take a sixth less CPU than with 100 (bench cluster --short, in turns).
  flushIntervalMs: 250,
  // In memory an event takes a few times its bytes.
  unflushedBytes: Math.min(512 * 1024 * 1024, Math.floor(getHeapStatistics().heap_size_limit / 8)),
  trimBehindMs: 5 * 60_000,
  replayRecords: 64,
  replayShards: 8,
  beaconMs: 2000,
  headKeptMs: 30_000,
};

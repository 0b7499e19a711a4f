/** Bounds and times of the runtime. Sizes in bytes, times in milliseconds. */
export interface RuntimeOptions {
  /** A batch ends here. */
  batchBytes: number;
  /** What may wait in one shard for its journal; beyond it commands are refused. */
  shardQueueBytes: number;
  /** Commands that may wait in one actor. */
  actorQueue: number;
  /** Commands that may wait for one shard to be claimed. */
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
  /** Appends of unknown outcome are repeated for so long; well below the journal's duplicate window. */
  inDoubtMs: number;
  /** Pause before an append, a claim or a flush is tried again; doubles up to `retryMaxMs`. */
  retryMs: number;
  retryMaxMs: number;
  lanes: number;
  /** Events in one flush transaction. */
  flushEvents: number;
  /** Least time between two flushes of a lane, unless an answer waits for one. */
  flushIntervalMs: number;
  /** Committed and unflushed events that may stay in memory, all shards together. */
  unflushedBytes: number;
  /** The journal is trimmed this far behind the checkpoint. */
  trimBehindMs: number;
  /** Records read at once while a tail is replayed. */
  replayRecords: number;
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
  inDoubtMs: 30_000,
  retryMs: 50,
  retryMaxMs: 2000,
  lanes: 2,
  flushEvents: 5000,
  flushIntervalMs: 25,
  unflushedBytes: 512 * 1024 * 1024,
  trimBehindMs: 5 * 60_000,
  replayRecords: 256,
};

/** What the runtime tells the metrics. Times in seconds. */
export interface RuntimeObserver {
  /** A batch was committed; `waited`: from its first event to its commit, the time its outputs spent at the gate. */
  batch(events: number, bytes: number, waited: number): void;
  /** Outputs that waited for the flush of a batch have left; `waited`: from its first event on. */
  stored(waited: number): void;
  /** An append or a claim was refused: another record was the newest. */
  refused(): void;
  /** A shard came to this node: from now on it is served here. */
  claimed(): void;
  /** An actor was loaded. */
  loaded(kind: string, seconds: number): void;
  flush(events: number, seconds: number): void;
  /** A flush transaction failed, and is tried again. */
  flushFailed(): void;
  /** An event went to `dead_letters`. */
  buried(kind: string): void;
}

/** For whom nobody watches. */
export const unobserved: RuntimeObserver = {
  batch() {},
  stored() {},
  refused() {},
  claimed() {},
  loaded() {},
  flush() {},
  flushFailed() {},
  buried() {},
};

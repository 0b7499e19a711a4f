/** Times and bounds of a client. The defaults suit people and bots alike; tests and load drivers change them. */
export interface Settings {
  /** How long a request waits for its reply, and for a connection before that. */
  requestTimeoutMs: number;
  /** From the start of a connection to `ready`. */
  connectTimeoutMs: number;
  /** Reconnects and repeats wait a random time up to this, doubled with each failure … */
  backoffBaseMs: number;
  /** … but never above this. */
  backoffMaxMs: number;
  /** A connection that lived this long was a good one: the next failure starts at the base again. */
  stableMs: number;
  /** Requests that wait for a connection or a reply. */
  pendingRequests: number;
  /** Messages that wait in the outbox. */
  outboxSize: number;
  /** Chats whose message is under way at the same time. */
  outboxInFlight: number;
  /** Chats whose history is repaired at the same time. */
  repairsAtOnce: number;
  /** A chat that is behind by more messages than this is `reset` instead of repaired. */
  repairLimit: number;
  /** Events kept per chat while what they follow is fetched. */
  earlyEvents: number;
}

export const defaultSettings: Settings = {
  requestTimeoutMs: 10_000,
  connectTimeoutMs: 15_000,
  backoffBaseMs: 500,
  backoffMaxMs: 30_000,
  stableMs: 5_000,
  pendingRequests: 1_000,
  outboxSize: 1_000,
  outboxInFlight: 16,
  repairsAtOnce: 4,
  repairLimit: 10_000,
  earlyEvents: 1_000,
};

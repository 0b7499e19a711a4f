/**
 * Short-lived shared state: tickets, codes, presence of clients without a socket. Contract: a key is gone
 * after its time to live, or earlier (a restart may lose everything); each operation is atomic. Where the store is
 * another process each of them may throw `unavailable`, and may have been done nevertheless: whoever took a key and
 * got no answer must take it for gone.
 */
export interface EphemeralStore {
  set(key: string, value: string, ttlMs: number): Promise<void>;
  /** Sets a key that is not there; false where it is. */
  add(key: string, value: string, ttlMs: number): Promise<boolean>;
  get(key: string): Promise<string | undefined>;
  /** Reads and removes in one step: of two takers one gets it. */
  take(key: string): Promise<string | undefined>;
  delete(key: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Where the flusher writes: PostgreSQL, or memory in the simulation. Contract: everything done with one
 * `tx` happens wholly or not at all; `lock` keeps other transactions off the rows until the end.
 */
export interface FlushStore<Tx = unknown> {
  /** The checkpoint of a shard; undefined where none was ever written. Reads outside of any lock. */
  checkpoint(shard: number): Promise<Checkpoint | undefined>;
  /** Those of several shards, as far as they have any: one look. */
  checkpoints(shards: readonly number[]): Promise<Map<number, Checkpoint>>;
  /**
   * Writes a new owner's epoch to the checkpoint row (made where it is missing) and gives the row.
   * From then on no flusher of an older epoch commits. Undefined: a newer epoch stands there.
   */
  claim(shard: number, journalId: string, epoch: number): Promise<Checkpoint | undefined>;
  /** Actors of the shard that wait for an operator: `kind/id`. */
  frozen(shard: number): Promise<string[]>;
  /** One transaction on the lane's own connection. */
  transaction(lane: number, work: (tx: Tx) => Promise<void>): Promise<void>;
  /** Locks the rows in shard order. */
  lock(tx: Tx, shards: readonly number[]): Promise<Map<number, Checkpoint>>;
  advance(tx: Tx, positions: readonly { shard: number; position: number }[]): Promise<void>;
  /** Puts this row in place of whatever stands there: for an operator, who has locked it and looked. */
  adopt(tx: Tx, shard: number, checkpoint: Checkpoint): Promise<void>;
  /** Runs `work` so that its failure undoes only itself. */
  savepoint(tx: Tx, work: (tx: Tx) => Promise<void>): Promise<void>;
  bury(tx: Tx, letter: DeadLetter): Promise<void>;
  /** Is it this data that PostgreSQL refuses (SQLSTATE classes 22 and 23), whatever is tried again? */
  poison(error: unknown): boolean;
}

export interface Checkpoint {
  journal_id: string;
  epoch: number;
  position: number;
}

export interface DeadLetter {
  shard: number;
  position: number;
  kind: string;
  actor_id: string;
  event: unknown;
  error: string;
  freezes: boolean;
}

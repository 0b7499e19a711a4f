import type { Checkpoint, DeadLetter, FlushStore } from '../../actors/runtime/flush-store.ts';

/** A transaction in memory: what it does happens at its commit, in order, or not at all. */
export interface MemoryTx {
  later(mutation: () => void): void;
}

interface OpenTx extends MemoryTx {
  mutations: (() => void)[];
  locked: number[];
}

/** The tables of the flusher, in memory, with row locks. Sessions of several nodes share one database. */
export class MemoryDatabase {
  readonly checkpoints = new Map<number, Checkpoint>();
  readonly deadLetters: DeadLetter[] = [];
  readonly #locks = new Map<number, { holder: object; released: Promise<void>; release: () => void }>();

  async lock(shard: number, holder: object): Promise<void> {
    for (let lock = this.#locks.get(shard); lock !== undefined; lock = this.#locks.get(shard))
      await lock.released;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#locks.set(shard, { holder, released, release });
  }

  unlock(holder: object): void {
    for (const [shard, lock] of [...this.#locks]) {
      if (lock.holder !== holder) continue;
      this.#locks.delete(shard);
      lock.release();
    }
  }
}

/** Marks an error as data that the database refuses. */
export class PoisonError extends Error {}

export interface SessionOptions {
  /** Awaited before each statement; may reject, or never settle, for a session that has died. */
  step?(statement: string): Promise<void>;
}

/** One node's connections to the shared database. `end` undoes what is open and releases its locks. */
export function createMemoryFlushStore(
  database: MemoryDatabase,
  { step = async () => {} }: SessionOptions = {},
): FlushStore<MemoryTx> & { end(): void } {
  const open = new Set<OpenTx>();
  let ended = false;

  function live(): void {
    if (ended) throw new Error('the session has ended');
  }

  return {
    async checkpoint(shard) {
      await step('checkpoint');
      live();
      const row = database.checkpoints.get(shard);
      return row && { ...row };
    },

    async checkpoints(shards) {
      await step('checkpoints');
      live();
      const rows = shards.map((shard) => [shard, database.checkpoints.get(shard)] as const);
      return new Map(rows.flatMap(([shard, row]) => (row === undefined ? [] : [[shard, { ...row }]])));
    },

    async claim(shard, journalId, epoch) {
      await step('claim');
      live();
      const holder = {};
      await database.lock(shard, holder);
      try {
        live();
        const row = database.checkpoints.get(shard) ?? { journal_id: journalId, epoch: 0, position: 0 };
        if (row.epoch >= epoch) return undefined;
        const next = { journal_id: journalId, epoch, position: row.position };
        database.checkpoints.set(shard, next);
        return { ...next };
      } finally {
        database.unlock(holder);
      }
    },

    async frozen(shard) {
      const letters = database.deadLetters.filter((letter) => letter.shard === shard && letter.freezes);
      return letters.map((letter) => `${letter.kind}/${letter.actor_id}`);
    },

    async transaction(_lane, work) {
      await step('begin');
      live();
      const mutations: (() => void)[] = [];
      const tx: OpenTx = { mutations, locked: [], later: (mutation) => void mutations.push(mutation) };
      open.add(tx);
      try {
        await work(tx);
        await step('commit');
        live();
        for (const mutation of mutations) mutation();
      } finally {
        open.delete(tx);
        database.unlock(tx);
      }
      await step('committed');
    },

    async lock(tx, shards) {
      await step('lock');
      live();
      for (const shard of shards) await database.lock(shard, tx);
      live();
      const rows = shards.map((shard) => [shard, database.checkpoints.get(shard)] as const);
      return new Map(rows.flatMap(([shard, row]) => (row === undefined ? [] : [[shard, { ...row }]])));
    },

    async advance(tx, positions) {
      await step('advance');
      live();
      tx.later(() => {
        for (const { shard, position } of positions) {
          const row = database.checkpoints.get(shard);
          if (row !== undefined) row.position = position;
        }
      });
    },

    async adopt(tx, shard, checkpoint) {
      tx.later(() => void database.checkpoints.set(shard, { ...checkpoint }));
    },

    async savepoint(tx, work) {
      const inner = tx as OpenTx;
      const kept = inner.mutations.length;
      try {
        await work(tx);
      } catch (error) {
        inner.mutations.length = kept;
        throw error;
      }
    },

    async bury(tx, letter) {
      tx.later(() => void database.deadLetters.push(letter));
    },

    poison: (error) => error instanceof PoisonError,

    end() {
      ended = true;
      for (const tx of open) database.unlock(tx);
      open.clear();
    },
  };
}

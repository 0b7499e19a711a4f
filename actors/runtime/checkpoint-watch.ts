import type { Clock } from '../../ops/process/clock.ts';
import type { Checkpoint, FlushStore } from './flush-store.ts';
import type { RuntimeOptions } from './options.ts';
import type { OwnedShard } from './shard.ts';

export interface WatchParts {
  store: FlushStore;
  clock: Clock;
  options: RuntimeOptions;
  /** Every shard with something in memory. */
  owned(): Iterable<OwnedShard>;
}

/**
 * Notices that PostgreSQL was restored to an older state under a live owner: its checkpoint rows go back.
 * Such a shard is lost, so that it is claimed anew and the journal's tail after the older checkpoint is
 * flushed again. Looked at now and then; after every load of an actor, because a state without its newest events
 * would give their seqs out again; after every read of rows for a command, which would undo what they lack; and before
 * the journal is trimmed.
 */
export class CheckpointWatch {
  readonly #parts: WatchParts;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#stopped) return;
    const { clock, options } = this.#parts;
    this.#cancel = clock.after(options.checkpointLookMs, () => {
      // A database that is away is the flusher's to tell.
      void this.look()
        .catch(() => undefined)
        .finally(() => this.start());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** Resolves after a look that began after this call: one for all who wait. Rejects as the store does. */
  look(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.catch(() => undefined).then(() => this.#begin());
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    const running = this.#look().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #look(): Promise<void> {
    // What a flush under way writes comes on top of what is known now.
    const known = [...this.#parts.owned()].map((shard) => ({ shard, position: shard.checkpoint }));
    if (known.length === 0) return;
    const rows = await this.#parts.store.checkpoints(known.map(({ shard }) => shard.number));
    for (const { shard, position } of known) {
      const row = rows.get(shard.number);
      const behind = row === undefined || row.position < position;
      if (behind || row.epoch !== shard.epoch) shard.lose(notOurs(shard, row));
    }
  }
}

/** Why a checkpoint row is not as its owner left it. */
export function notOurs({ epoch, checkpoint }: OwnedShard, row: Checkpoint | undefined): string {
  const wentBack =
    row === undefined || row.epoch < epoch || (row.epoch === epoch && row.position < checkpoint);
  if (!wentBack) return 'its checkpoint row belongs to another owner';
  const now = row === undefined ? 'has no row of it' : `is at epoch ${row.epoch}, position ${row.position}`;
  return `PostgreSQL went back: it ${now}, and was at epoch ${epoch}, position ${checkpoint}`;
}

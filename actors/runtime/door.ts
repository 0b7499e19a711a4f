import type { Clock } from '../../ops/process/clock.ts';
import { Deadlines } from '../../ops/process/deadlines.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { Result } from '../client/ask.ts';
import { shardOf } from '../client/shard-of.ts';
import { Entry } from './entry.ts';
import type { AnyKind } from './kind.ts';
import { actorKey } from './output.ts';
import type { OwnedShard } from './shard.ts';
import type { ShardKeeper } from './shard-keeper.ts';

export type Kinds = ReadonlyMap<string, AnyKind>;

export interface AskRequest {
  kind: string;
  id: string;
  commands: readonly object[];
  /** Milliseconds that the caller will wait, counted from arrival. */
  budgetMs: number;
}

export type PeekRequest = Omit<AskRequest, 'commands'> & { command: object };

export interface DoorParts {
  clock: Clock;
  shards: number;
  kinds: Kinds;
  keeper: ShardKeeper;
}

/** Where commands come in: each finds its shard, or waits for it, and has its answer within its budget. */
export class Door {
  readonly #parts: DoorParts;
  readonly #deadlines: Deadlines;
  /** Asks that have no answer yet. */
  readonly #open = new Set<readonly Entry[]>();
  #closed = false;

  constructor(parts: DoorParts) {
    this.#parts = parts;
    this.#deadlines = new Deadlines(parts.clock);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes nothing more: the node drains. */
  close(): void {
    this.#closed = true;
  }

  /** Whoever still waits is answered with what is known. */
  expire(): void {
    for (const entries of this.#open) for (const entry of entries) entry.expire();
  }

  /** Commands to one actor, in order; one result each, within the budget. Rejects never. */
  ask({ kind: name, id, commands, budgetMs }: AskRequest): Promise<Result[]> {
    const { clock } = this.#parts;
    const expiresAt = clock.monotonic() + budgetMs;
    return new Promise((resolve) => {
      const results: Result[] = new Array(commands.length);
      let left = commands.length;
      const entries = commands.map((command, index) => {
        return new Entry(command, expiresAt, (result) => {
          results[index] = result;
          if (--left === 0) finish();
        });
      });
      const cancel = this.#deadlines.at(expiresAt, () => {
        for (const entry of entries) entry.expire();
      });
      const finish = () => {
        cancel();
        this.#open.delete(entries);
        resolve(results);
      };
      this.#open.add(entries);
      if (left === 0) finish();
      else this.#submit(name, id, entries, expiresAt);
    });
  }

  /** One read of an actor in memory; undefined: it is cold, and SQL read after this answer is the truth. */
  async peek({ kind, id, command, budgetMs }: PeekRequest): Promise<Result | undefined> {
    const { clock } = this.#parts;
    const expiresAt = clock.monotonic() + budgetMs;
    const shard = await this.#shardOf(kind, id, expiresAt);
    if ('refusal' in shard) return shard;
    const seen = await this.#inTime(expiresAt, shard.look(actorKey(kind, id)));
    if (seen === 'cold') return undefined;
    if (seen !== 'hot') return { refusal: seen };
    const [result] = await this.ask({
      kind,
      id,
      commands: [command],
      budgetMs: expiresAt - clock.monotonic(),
    });
    return result;
  }

  #submit(name: string, id: string, entries: readonly Entry[], expiresAt: number): void {
    const kind = this.#parts.kinds.get(name);
    const number = shardOf(name, id, this.#parts.shards);
    // Without waiting where it can be: commands are taken in the order they came.
    const serving = kind === undefined || this.#closed ? undefined : this.#parts.keeper.get(number);
    if (serving !== undefined) for (const entry of entries) serving.submit(kind as AnyKind, id, entry);
    else void this.#submitLater(name, id, entries, expiresAt);
  }

  async #submitLater(name: string, id: string, entries: readonly Entry[], expiresAt: number): Promise<void> {
    const shard = await this.#shardOf(name, id, expiresAt);
    const kind = this.#parts.kinds.get(name) as AnyKind;
    for (const entry of entries)
      if ('refusal' in shard) entry.settle(shard);
      else shard.submit(kind, id, entry);
  }

  async #shardOf(kind: string, id: string, expiresAt: number): Promise<OwnedShard | { refusal: Refusal }> {
    if (!this.#parts.kinds.has(kind)) return { refusal: { code: 'not_found', reason: 'unknown_kind' } };
    if (this.#closed) return { refusal: { code: 'actor_moved', reason: 'draining' } };
    const number = shardOf(kind, id, this.#parts.shards);
    return this.#parts.keeper.get(number) ?? this.#parts.keeper.wait(number, expiresAt);
  }

  /** What the promise gives, or that it was not given in time. */
  async #inTime<T>(expiresAt: number, promise: Promise<T>): Promise<T | Refusal> {
    const { clock } = this.#parts;
    let cancel = () => {};
    const late = new Promise<Refusal>((resolve) => {
      const refusal: Refusal = { code: 'unavailable', reason: 'expired', retry_after_ms: 500 };
      cancel = clock.after(expiresAt - clock.monotonic(), () => resolve(refusal));
    });
    return Promise.race([promise, late]).finally(() => cancel());
  }
}

import type { Clock } from '../../ops/process/clock.ts';
import type { RuntimeOptions } from './options.ts';
import type { OwnedShard } from './shard.ts';

/** Looked at for one that may leave, when a new activation finds the node full. */
const tries = 64;

/** Keeps memory bounded: idle actors leave after a while, the oldest first when the node is full. */
export class Passivation {
  readonly #serving: () => Iterable<OwnedShard>;
  readonly #clock: Clock;
  readonly #options: RuntimeOptions;
  #cancel: (() => void) | undefined;

  constructor(serving: () => Iterable<OwnedShard>, clock: Clock, options: RuntimeOptions) {
    this.#serving = serving;
    this.#clock = clock;
    this.#options = options;
  }

  start(): void {
    this.#cancel = this.#clock.after(this.#options.sweepMs, () => {
      this.sweep();
      this.start();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Lets go what was not used for `idleMs`. */
  sweep(): void {
    const before = this.#clock.monotonic() - this.#options.idleMs;
    for (const shard of this.#serving())
      for (const activation of [...shard.activations.values()])
        if (activation.lastUsed < before && shard.mayLeave(activation)) leave(shard, activation);
  }

  /** Is there room for one more? Makes some, if an actor may leave. */
  room(): boolean {
    let count = 0;
    for (const shard of this.#serving()) count += shard.activations.size;
    if (count < this.#options.activations) return true;
    let looked = 0;
    for (const shard of [...this.#serving()].sort((a, b) => b.activations.size - a.activations.size))
      for (const activation of oldestFirst(shard)) {
        if (shard.mayLeave(activation)) {
          leave(shard, activation);
          return true;
        }
        if (++looked >= tries) return false;
      }
    return false;
  }
}

function oldestFirst(shard: OwnedShard) {
  return [...shard.activations.values()].sort((a, b) => a.lastUsed - b.lastUsed);
}

function leave(shard: OwnedShard, activation: Parameters<OwnedShard['remove']>[0]): void {
  shard.remove(activation, { code: 'actor_moved' });
}

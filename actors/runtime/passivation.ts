import type { Clock } from '../../ops/process/clock.ts';
import type { Activation } from './activation.ts';
import type { RuntimeOptions } from './options.ts';
import type { OwnedShard } from './shard.ts';

/** Looked at for one that may leave; the next call goes on behind those that may not. */
const mostLooks = 1000;
/** An actor that is used all the time moves in the list once in so many milliseconds. */
const listMs = 1000;

/** Keeps memory bounded: idle actors leave after a while, the oldest first when the node is full. */
export class Passivation {
  readonly #clock: Clock;
  readonly #options: RuntimeOptions;
  /** Every activation of the node; the longest unused, to about `listMs`, first. */
  readonly #all = new Map<Activation, OwnedShard>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, options: RuntimeOptions) {
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

  /** An actor has come into memory, or is used. */
  used(shard: OwnedShard, activation: Activation): void {
    const now = this.#clock.monotonic();
    if (now - activation.listedAt < listMs) return;
    activation.listedAt = now;
    this.#last(activation, shard);
  }

  left(activation: Activation): void {
    this.#all.delete(activation);
  }

  all(): Iterable<Activation> {
    return this.#all.keys();
  }

  /** Lets go what was not used for `idleMs`. */
  sweep(): void {
    const before = this.#clock.monotonic() - this.#options.idleMs;
    for (const [activation, shard] of this.#all)
      if (activation.lastUsed < before && shard.mayLeave(activation)) leave(shard, activation);
  }

  /** Is there room for one more? Makes some, if an actor may leave. */
  room(): boolean {
    if (this.#all.size < this.#options.activations) return true;
    let looks = Math.min(mostLooks, this.#all.size);
    for (const [activation, shard] of this.#all) {
      if (looks-- === 0) return false;
      if (shard.mayLeave(activation)) {
        leave(shard, activation);
        return true;
      }
      this.#last(activation, shard);
    }
    return false;
  }

  #last(activation: Activation, shard: OwnedShard): void {
    this.#all.delete(activation);
    this.#all.set(activation, shard);
  }
}

function leave(shard: OwnedShard, activation: Activation): void {
  shard.remove(activation, { code: 'actor_moved' });
}

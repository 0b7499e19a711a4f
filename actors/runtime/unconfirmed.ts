import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { Activation } from './activation.ts';
import type { Fence } from './fence.ts';
import type { RuntimeOptions } from './options.ts';
import type { Output } from './output.ts';

export interface UnconfirmedParts {
  fence: Pick<Fence, 'fresh' | 'confirm'>;
  clock: Clock;
  options: Pick<RuntimeOptions, 'retryMs' | 'retryMaxMs'>;
  /** The shard was surely one's own when this output's turn was taken. */
  pass(batch: number, output: Output): void;
  /** It is not any more. */
  lost(output: Output): void;
}

interface Waiting {
  batch: number;
  output: Output;
  readAt: number;
}

/**
 * Outputs that wait until the journal says whose the shard is: those of one actor leave in the order of their turns,
 * so that the newest presence or read mark is the last one said. One loop asks for all of them, and pauses where the
 * journal does not answer. Bounded by what may wait at the gate.
 */
export class Unconfirmed {
  /** By actor, in the order of the turns; none is empty. */
  readonly #waiting = new Map<Activation, Waiting[]>();
  readonly #parts: UnconfirmedParts;
  /** Monotonic: of the newest turn. Confirmed for that, all are. */
  #newest = Number.NEGATIVE_INFINITY;
  #running = false;

  constructor(parts: UnconfirmedParts) {
    this.#parts = parts;
  }

  /** How many actors have outputs here. */
  get size(): number {
    return this.#waiting.size;
  }

  /** It ends by `pass` or `lost`, unless `clear` is called. */
  add(batch: number, output: Output, readAt: number): void {
    const waiting = this.#waiting.get(output.activation);
    if (waiting) waiting.push({ batch, output, readAt });
    else this.#waiting.set(output.activation, [{ batch, output, readAt }]);
    this.#newest = Math.max(this.#newest, readAt);
    if (!this.#running) void this.#run();
  }

  /**
   * Passes what is confirmed of this actor: before a later output of it leaves, that is all of it. An output that
   * leaves may bring the next one at once, so each is taken out first.
   */
  letGo(activation: Activation): void {
    const waiting = this.#waiting.get(activation);
    for (
      let next = waiting?.[0];
      waiting && next && this.#parts.fence.fresh(next.readAt);
      next = waiting[0]
    ) {
      waiting.shift();
      if (waiting.length === 0) this.#waiting.delete(activation);
      this.#parts.pass(next.batch, next.output);
    }
  }

  /** Somebody else has ended all of them. */
  clear(): void {
    for (const waiting of this.#waiting.values()) waiting.length = 0;
    this.#waiting.clear();
  }

  async #run(): Promise<void> {
    const { fence, clock, options, lost } = this.#parts;
    this.#running = true;
    for (let pause = options.retryMs; this.#waiting.size > 0; ) {
      const answer = await fence.confirm(this.#newest);
      if (answer === 'own') {
        for (const activation of [...this.#waiting.keys()]) this.letGo(activation);
        pause = options.retryMs;
      } else if (answer === 'lost') {
        const outputs = [...this.#waiting.values()].flat().map(({ output }) => output);
        this.clear();
        for (const output of outputs) lost(output);
      } else {
        await sleep(clock, pause);
        pause = Math.min(pause * 2, options.retryMaxMs);
      }
    }
    this.#running = false;
  }
}

import type { Refusal } from '../../schemas/errors.ts';
import type { Result } from '../client/ask.ts';

/** One command on its way through an actor. It gets exactly one result, the first that is given. */
export class Entry {
  readonly command: object;
  /** Monotonic time after which nobody waits for the result. */
  readonly expiresAt: number;
  /** It had its turn and was not refused: from now on it may be done. */
  begun = false;
  settled = false;
  readonly #done: (result: Result) => void;

  constructor(command: object, expiresAt: number, done: (result: Result) => void) {
    this.command = command;
    this.expiresAt = expiresAt;
    this.#done = done;
  }

  settle(result: Result): void {
    if (this.settled) return;
    this.settled = true;
    this.#done(result);
  }

  refuse(refusal: Refusal): void {
    this.settle({ refusal });
  }

  /** Time is up. Before its turn it is dropped and certainly not done; after it nobody knows yet. */
  expire(): void {
    this.refuse(
      this.begun
        ? { code: 'timeout', reason: 'slow' }
        : { code: 'unavailable', reason: 'expired', retry_after_ms: 500 },
    );
  }
}

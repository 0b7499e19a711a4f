import type { Heard } from './bus.ts';

export type Handler = (envelope: Heard) => void;

/** Who listens to what within this process: several handlers of one subject count as one subscription. */
export class Subscribers {
  readonly #subjects = new Map<string, Set<Handler>>();
  readonly #onFirst: (subject: string) => void;
  readonly #onLast: (subject: string) => void;

  /** `onFirst`: somebody wants the subject now. `onLast`: nobody does any more. */
  constructor(onFirst: (subject: string) => void, onLast: (subject: string) => void) {
    this.#onFirst = onFirst;
    this.#onLast = onLast;
  }

  /** Subjects that somebody wants. */
  get size(): number {
    return this.#subjects.size;
  }

  add(subject: string, handler: Handler): () => void {
    const own: Handler = (envelope) => handler(envelope);
    const found = this.#subjects.get(subject);
    const handlers = found ?? new Set();
    handlers.add(own);
    if (found === undefined) {
      this.#subjects.set(subject, handlers);
      this.#onFirst(subject);
    }
    return () => {
      if (!handlers.delete(own) || handlers.size > 0 || this.#subjects.get(subject) !== handlers) return;
      this.#subjects.delete(subject);
      this.#onLast(subject);
    };
  }

  /** In the order they came. One that throws is a bug of its own; nobody else feels it. */
  tell(subject: string, envelope: Heard): void {
    const handlers = this.#subjects.get(subject);
    if (handlers === undefined) return;
    // Who subscribes meanwhile hears from the next one on; most subjects have one handler.
    const now = handlers.size === 1 ? handlers : [...handlers];
    for (const handler of now) {
      try {
        handler(envelope);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
      if (now === handlers) return;
    }
  }

  clear(): void {
    const subjects = [...this.#subjects.keys()];
    this.#subjects.clear();
    for (const subject of subjects) this.#onLast(subject);
  }
}

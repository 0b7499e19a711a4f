import type { Heard } from './bus.ts';

export type Handler = (envelope: Heard) => void;

/** One subscription: a handler may have several of a subject. */
interface Listener {
  readonly handler: Handler;
}

/**
 * Who listens to what within this process: several handlers of one subject count as one subscription. Most subjects
 * are a user's and have one handler; there are as many of them as connections, so a short array stands for each, a
 * new one with each change.
 */
export class Subscribers {
  readonly #subjects = new Map<string, readonly Listener[]>();
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
    const own: Listener = { handler };
    const before = this.#subjects.get(subject);
    this.#subjects.set(subject, before === undefined ? [own] : [...before, own]);
    if (before === undefined) this.#onFirst(subject);
    return () => this.#remove(subject, own);
  }

  #remove(subject: string, own: Listener): void {
    const before = this.#subjects.get(subject);
    if (before === undefined || !before.includes(own)) return;
    if (before.length > 1) {
      this.#subjects.set(
        subject,
        before.filter((listener) => listener !== own),
      );
      return;
    }
    this.#subjects.delete(subject);
    this.#onLast(subject);
  }

  /**
   * In the order they came. Who subscribes meanwhile hears from the next one on. One that throws is a bug of its own;
   * nobody else feels it.
   */
  tell(subject: string, envelope: Heard): void {
    for (const { handler } of this.#subjects.get(subject) ?? []) {
      try {
        handler(envelope);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  clear(): void {
    const subjects = [...this.#subjects.keys()];
    this.#subjects.clear();
    for (const subject of subjects) this.#onLast(subject);
  }
}

import { settled, VirtualClock } from '../support/virtual-clock.ts';

/** Random numbers from a seed: mulberry32. The same seed gives the same run, step by step. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Something that does I/O and can die or stand still: a node, or the outside world. */
export interface Session {
  name: string;
  dead: boolean;
  paused: boolean;
}

interface Waiting {
  session: Session;
  label: string;
  go: () => void;
}

/**
 * Decides what happens next: every piece of I/O waits here for its turn, and one that waits is picked at
 * random, or time moves to the next timer. What belongs to a dead session never goes on.
 */
export class Scheduler {
  readonly clock = new VirtualClock();
  readonly random: () => number;
  steps = 0;
  #waiting: Waiting[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)] as T;
  }

  /** A point between two steps: the caller goes on when it is picked. */
  step(session: Session, label: string): Promise<void> {
    if (session.dead) return new Promise(() => {});
    return new Promise((go) => this.#waiting.push({ session, label, go }));
  }

  /** Drops what a dead session waited for. */
  bury(session: Session): void {
    this.#waiting = this.#waiting.filter((one) => one.session !== session);
  }

  /** Does one thing; false when there is nothing left to do. */
  async turn(): Promise<boolean> {
    await settled();
    this.steps++;
    const ready = this.#waiting.filter((one) => !one.session.paused);
    if (ready.length > 0 && (this.clock.next === undefined || this.chance(0.93))) {
      const picked = this.pick(ready);
      this.#waiting.splice(this.#waiting.indexOf(picked), 1);
      picked.go();
      return true;
    }
    return this.clock.step();
  }
}

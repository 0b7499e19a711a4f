import { ErrorCode, type NatsError } from 'nats';
import type { NatsLink } from '../connections/nats.ts';
import { type Clock, sleep } from '../process/clock.ts';

export interface ProberParts {
  node: string;
  /** Begins the subjects: those of one deployment. */
  prefix: string;
  clock: Clock;
  /** Is this node live in one's own view, and another? */
  knows(node: string): boolean;
  /** Nobody listens to the node now, or nobody did: what waits for its answer may wait for ever. */
  unheard(node: string): void;
  /** It has not listened for so long that it does not merely reconnect. */
  gone(node: string): void;
}

/** Longer than a node needs to come back on another connection: see ops/connections/nats.ts. */
const confirmMs = 500;
const answerMs = 1000;
/** Who answered is not asked again for so long. */
const trustMs = 1000;

/**
 * Finds out at once that a node is gone: NATS answers a request to a subject without subscribers by itself.
 * A node that listens and does not answer is left to the heartbeats.
 */
export class Prober {
  readonly #parts: ProberParts;
  readonly #running = new Set<string>();
  /** Monotonic times of the last answers. */
  readonly #answered = new Map<string, number>();
  #link: NatsLink | undefined;
  /** Counts the breaks of our own connection: it makes what was learned before worthless. */
  #breaks = 0;

  constructor(parts: ProberParts) {
    this.#parts = parts;
  }

  /** Answers for this node, and hears of whom others miss, and who was away. */
  listen(link: NatsLink): void {
    const { node, knows, unheard } = this.#parts;
    this.#link = link;
    link.onChange((change) => {
      if (change === 'lost') this.#breaks++;
      if (change === 'back') link.connection.publish(this.#subject('back'), node);
    });
    link.connection.subscribe(this.#subject('alive', node), {
      callback: (error, msg) => void (error ?? msg.respond()),
    });
    this.#hear('missed', (missed) => {
      if (knows(missed)) void this.#probe(missed, false);
    });
    // What was sent to it meanwhile is lost, and what it answered: its callers cannot tell which.
    this.#hear('back', (back) => {
      if (knows(back)) unheard(back);
    });
  }

  /** Something of this node is missing: is it there at all? */
  suspect(node: string): void {
    if (this.#parts.knows(node)) void this.#probe(node, true);
  }

  #subject(what: 'alive' | 'missed' | 'back', node?: string): string {
    const subject = `${this.#parts.prefix}.${what}`;
    return node === undefined ? subject : `${subject}.${node}`;
  }

  #hear(what: 'missed' | 'back', listener: (node: string) => void): void {
    this.#link?.connection.subscribe(this.#subject(what), {
      callback(error, msg) {
        if (error === null) listener(msg.string());
      },
    });
  }

  async #probe(node: string, tell: boolean): Promise<void> {
    const { clock, unheard, gone, knows } = this.#parts;
    const answered = this.#answered.get(node) ?? Number.NEGATIVE_INFINITY;
    if (this.#running.has(node) || clock.monotonic() - answered < trustMs) return;
    this.#running.add(node);
    try {
      const breaks = this.#breaks;
      if (await this.#listens(node)) return;
      unheard(node);
      if (tell) this.#link?.connection.publish(this.#subject('missed'), node);
      await sleep(clock, confirmMs);
      if ((await this.#listens(node)) || this.#breaks !== breaks || !knows(node)) return;
      for (const other of this.#answered.keys()) if (!knows(other)) this.#answered.delete(other);
      this.#answered.delete(node);
      gone(node);
    } catch {
      // Our own connection is closed, or closing.
    } finally {
      this.#running.delete(node);
    }
  }

  /** False only where NATS says that nobody subscribes to the node's subject. */
  async #listens(node: string): Promise<boolean> {
    if (this.#link?.up() !== true) return true;
    try {
      await this.#link.connection.request(this.#subject('alive', node), undefined, { timeout: answerMs });
      this.#answered.set(node, this.#parts.clock.monotonic());
      return true;
    } catch (error) {
      return (error as NatsError).code !== ErrorCode.NoResponders;
    }
  }
}

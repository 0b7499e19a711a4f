import { fail, type Refusal, refusalOf, SuhbatError } from '../../schemas/errors.ts';
import type { NatsLink } from '../connections/nats.ts';
import type { Clock } from '../process/clock.ts';
import { Deadlines } from '../process/deadlines.ts';
import type { Action } from './broker.ts';
import type { CallMeta } from './call.ts';
import { Outbox } from './outbox.ts';

export interface JoinedCallsParts {
  node: string;
  /** Begins the subjects: those of one deployment. */
  prefix: string;
  clock: Clock;
  /** Calls without an answer that this node may have; one more is refused. */
  most: number;
  /** Milliseconds of a call without a budget. */
  timeoutMs: number;
  /** Does that node offer the action, as far as is known here? */
  offers(node: string, action: string): boolean;
  /** Milliseconds for which what is read now may have waited to be read. */
  late(): number;
  /**
   * An action threw what is no refusal, or gave an answer that is too long to be sent, or (without `meta`) a message is
   * none of ours: a bug.
   */
  fault(where: string, error: unknown, meta?: CallMeta): void;
}

interface Waiting {
  node: string;
  startedAt: number;
  resolve(reply: unknown): void;
  reject(error: SuhbatError): void;
  cancel(): void;
}

type Asked = [id: number, action: string, params: object, meta: CallMeta];
type Answered = [id: number, reply: unknown, refusal?: Refusal];

/**
 * Calls to one node that come by the thousand, such as those of actors. All that one turn has for a node travel in
 * one message, and so do the answers; each call is answered for itself, so none waits for a slower one. It promises
 * what calls through Moleculer do (see `createCall`), but for the choice of a node, at about a third of the CPU: no
 * context, no timer and no message for each. Membership, and who offers what, stay Moleculer's.
 *
 * A message is a JSON array: the sender, then the calls or the answers.
 */
export class JoinedCalls {
  readonly #parts: JoinedCallsParts;
  readonly #deadlines: Deadlines;
  readonly #waiting = new Map<number, Waiting>();
  #actions: Record<string, Action<never, unknown>> = {};
  #link: NatsLink | undefined;
  #outbox: Outbox | undefined;
  #count = 0;
  #emptied = () => {};

  constructor(parts: JoinedCallsParts) {
    this.#parts = parts;
    this.#deadlines = new Deadlines(parts.clock);
  }

  /** Calls without an answer. */
  get size(): number {
    return this.#waiting.size;
  }

  /** What this node answers; to be said before others learn of it. */
  serve(actions: Record<string, Action<never, unknown>>): void {
    this.#actions = { ...this.#actions, ...actions };
  }

  listen(link: NatsLink): void {
    const { node } = this.#parts;
    this.#link = link;
    this.#outbox = new Outbox(link.connection, node);
    this.#hear(link, this.#subject('asks', node), (from, calls) => {
      const late = this.#parts.late();
      for (const call of calls) void this.#answer(from, call as unknown as Asked, late);
    });
    this.#hear(link, this.#subject('answers', node), (_, answers) => {
      for (const answer of answers) this.#answered(answer as unknown as Answered);
    });
  }

  /** Rejects with a SuhbatError, as a call through the broker does. */
  call<Reply>(node: string, action: string, params: object, meta: CallMeta): Promise<Reply> {
    const { clock, most, offers, timeoutMs } = this.#parts;
    const { budget_ms = timeoutMs } = meta;
    const outbox = this.#outbox;
    if (budget_ms <= 0) return Promise.reject(fail('timeout'));
    if (outbox === undefined || !this.#link?.up() || !offers(node, action))
      return Promise.reject(fail('unavailable', { reason: 'no_service' }));
    if (this.#waiting.size >= most)
      return Promise.reject(fail('unavailable', { reason: 'overloaded', retry_after_ms: 500 }));
    const id = ++this.#count;
    const startedAt = clock.monotonic();
    return new Promise((resolve, reject) => {
      const cancel = this.#deadlines.at(startedAt + budget_ms, () => this.#take(id)?.reject(fail('timeout')));
      this.#waiting.set(id, { node, startedAt, resolve: resolve as Waiting['resolve'], reject, cancel });
      const text = JSON.stringify([id, action, params, meta] satisfies Asked);
      outbox.put(this.#subject('asks', node), text, () =>
        this.#take(id)?.reject(fail('unavailable', { reason: 'no_service' })),
      );
    });
  }

  /** Nobody will answer what this node was asked; all nodes, where none is named. The outcome is unknown. */
  reject(node?: string): void {
    for (const [id, one] of this.#waiting)
      if (node === undefined || one.node === node) this.#take(id)?.reject(fail('timeout'));
  }

  /** Nodes that owe an answer for longer than this. */
  slow(ms: number): Set<string> {
    const nodes = new Set<string>();
    const before = this.#parts.clock.monotonic() - ms;
    // In the order in which they were made.
    for (const { node, startedAt } of this.#waiting.values()) {
      if (startedAt > before) break;
      nodes.add(node);
    }
    return nodes;
  }

  /** Resolves when every call has its answer; each has one within its budget. */
  settled(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#emptied = resolve;
    });
  }

  #subject(what: 'asks' | 'answers', node: string): string {
    return `${this.#parts.prefix}.${what}.${node}`;
  }

  #hear(link: NatsLink, subject: string, take: (from: string, parts: unknown[][]) => void): void {
    link.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        // What is thrown here would end the client's reading for good.
        try {
          const [from, ...parts] = message.json<[string, ...unknown[]]>();
          take(from, parts.filter(Array.isArray));
        } catch (thrown) {
          this.#parts.fault(subject, thrown);
        }
      },
    });
  }

  #take(id: number): Waiting | undefined {
    const one = this.#waiting.get(id);
    if (one === undefined) return undefined;
    this.#waiting.delete(id);
    one.cancel();
    if (this.#waiting.size === 0) this.#emptied();
    return one;
  }

  /** One that comes too late finds nobody. */
  #answered([id, reply, refusal]: Answered): void {
    const one = this.#take(id);
    if (refusal === undefined) one?.resolve(reply);
    else one?.reject(new SuhbatError(refusal));
  }

  async #answer(from: string, [id, action, params, meta]: Asked, late: number): Promise<void> {
    const subject = this.#subject('answers', from);
    const refuse = (refusal: Refusal) => JSON.stringify([id, null, refusal] satisfies Answered);
    let text: string;
    try {
      const reply = await this.#run(action, params, charged(meta, late));
      text = JSON.stringify([id, reply ?? null] satisfies Answered);
    } catch (error) {
      if (!(error instanceof SuhbatError)) this.#parts.fault(action, error, meta);
      text = refuse(refusalOf(error));
    }
    this.#outbox?.put(subject, text, () => {
      // Without a link the asker was told already. No word of what the answer says.
      if (this.#link?.up())
        this.#parts.fault(
          action,
          new Error(`an answer of ${Buffer.byteLength(text)} bytes cannot be sent`),
          meta,
        );
      this.#outbox?.put(subject, refuse({ code: 'internal' }));
    });
  }

  #run(action: string, params: object, meta: CallMeta): unknown {
    const handler = this.#actions[action] as Action<object, unknown> | undefined;
    if (handler === undefined) throw fail('unavailable', { reason: 'no_service' });
    if ((meta.budget_ms ?? 1) <= 0) throw fail('unavailable', { reason: 'expired' });
    return handler(params, meta);
  }
}

/** Budgets count from arrival, and it arrived while nobody counted. Too little left only means: not done. */
function charged(meta: CallMeta, ms: number): CallMeta {
  return ms > 0 && meta.budget_ms !== undefined ? { ...meta, budget_ms: meta.budget_ms - ms } : meta;
}

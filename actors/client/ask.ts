import type { CallMeta } from '../../ops/broker/call.ts';
import type { Refusal } from '../../schemas/errors.ts';

/** The one way to speak to actors. `ask` finds the owner, repeats what is safe to repeat, never hangs. */
export interface Actors {
  /**
   * Commands of one caller to one actor, in order; each gets its own result. Rejects never: what could
   * not be delivered is a refusal in every result (`timeout`: the outcome is unknown).
   */
  ask(kind: string, id: string, commands: readonly object[], options?: AskOptions): Promise<Result[]>;
  /** One command: its reply, or a thrown SuhbatError. */
  one<Reply>(kind: string, id: string, command: object, options?: AskOptions): Promise<Reply>;
  /**
   * One read to many actors, that activates none: `undefined` where the id is not in memory and SQL,
   * read after this answer, is the whole truth. One call per owner, and more where the answer takes several.
   */
  peek(
    kind: string,
    ids: readonly string[],
    command: object,
    options?: AskOptions,
  ): Promise<Map<string, Result | undefined>>;
}

export interface AskOptions {
  /** Milliseconds for everything, repeats included. Default 5,000. */
  budgetMs?: number;
  requestId?: string;
  /** See `CallMeta`. */
  trace?: string;
}

/** Of an ask on behalf of a request; each message makes one, so that no field is there without a value. */
export function askOptionsOf({
  request_id: requestId,
  budget_ms: budgetMs,
  trace,
}: Pick<CallMeta, 'request_id' | 'budget_ms' | 'trace'>): AskOptions {
  if (trace !== undefined) return { requestId, trace, ...(budgetMs !== undefined && { budgetMs }) };
  return budgetMs === undefined ? { requestId } : { requestId, budgetMs };
}

/** `node`: who is believed to own the actor, beside `actor_moved`; a hint, for `ask` itself. */
export type Result = { reply: unknown } | { refusal: Refusal; node?: string };

/**
 * Stands in the answer to a peek that would have been too long: it was not asked, and is to be asked again at once, in
 * the same place. Who does not know it takes it for an owner that has moved, and asks again after a while.
 */
export const notFitting: Result = { refusal: { code: 'actor_moved', reason: 'not_fitting' } };

export function isNotFitting(result: Result | null): boolean {
  return result !== null && 'refusal' in result && result.refusal.reason === 'not_fitting';
}

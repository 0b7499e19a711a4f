import type { Call } from '../../ops/broker/call.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import { type Refusal, refusalOf, SuhbatError } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import { type Actors, type AskOptions, isNotFitting, notFitting, type Result } from './ask.ts';
import type { ShardMap } from './placement.ts';
import { shardOf } from './shard-of.ts';

export interface ActorsParts {
  /** Calls an action on the node with this id. */
  callNode<Reply>(node: string, action: string, params: object, meta: Parameters<Call>[2]): Promise<Reply>;
  map: ShardMap;
  shards: number;
  clock: Clock;
  /** Spreads repeats: a number in [0, 1). */
  random(): number;
  /** Milliseconds that an ask may take, repeats included, where it does not say. */
  budgetMs: number;
  /** Seconds that an ask took, repeats included. */
  observe(kind: string, seconds: number): void;
}

const pauseMs = 20;
const pauseMaxMs = 400;
/** A try needs at least so long. */
const leastMs = 50;
/** Ids in one call: as many as are peeked at again, at the most, where only some fit into an answer. */
const peekedMost = 500;

/** Asks owners over the broker: finds them, repeats inside the budget what is safe to repeat, never hangs. */
export function createActors(parts: ActorsParts): Actors {
  const { map, shards, clock, random, budgetMs, observe } = parts;

  /** Repeats everything after `actor_moved`, and sends also after an unknown outcome. */
  function again(command: object, result: Result | undefined): boolean {
    if (result === undefined || !('refusal' in result)) return false;
    const { code } = result.refusal;
    return (
      code === 'actor_moved' || (code === 'timeout' && 'type' in command && command.type === 'message.send')
    );
  }

  function callOwner<Reply>(
    node: string | undefined,
    action: string,
    params: object,
    leftMs: number,
    request_id: string,
    trace: string | undefined,
  ): Promise<Reply | Refusal> {
    if (node === undefined) return Promise.resolve({ code: 'actor_moved', reason: 'no_owner' });
    const budget_ms = Math.max(1, Math.ceil(leftMs));
    const meta = trace === undefined ? { request_id, budget_ms } : { request_id, trace, budget_ms };
    return parts.callNode<Reply>(node, action, params, meta).catch<Refusal>(notTaken);
  }

  /**
   * Who is believed to own the actor, by a node that does not. A hint is followed at once, and never from
   * a hint: two nodes that name each other get no more calls than placement alone would make.
   */
  function hinted(results: readonly (Result | undefined)[], asked: string | undefined): string | undefined {
    for (const result of results) {
      if (result === undefined || !('refusal' in result) || result.refusal.code !== 'actor_moved') continue;
      const { node } = result;
      if (node !== undefined && node !== asked && map.isLive(node)) return node;
    }
    return undefined;
  }

  async function ask(kind: string, id: string, commands: readonly object[], options: AskOptions = {}) {
    const startedAt = clock.monotonic();
    const until = startedAt + (options.budgetMs ?? budgetMs);
    const requestId = options.requestId ?? newId();
    const shard = shardOf(kind, id, shards);
    const results: Result[] = [];
    if (commands.length === 0) return results;
    let hint: string | undefined;
    for (let pause = pauseMs; ; pause = Math.min(pause * 2, pauseMaxMs)) {
      const node = hint ?? map.owner(shard);
      const rest = results.length === 0 ? commands : commands.slice(results.length);
      const left = until - clock.monotonic();
      const answer = await callOwner<Result[]>(
        node,
        'actors.ask',
        { kind, id, commands: rest },
        left,
        requestId,
        options.trace,
      );
      const round: Result[] = Array.isArray(answer) ? answer : rest.map(() => ({ refusal: answer }));
      if (results.length === 0 && !round.some((result, index) => again(rest[index] as object, result))) {
        observe(kind, (clock.monotonic() - startedAt) / 1000);
        return round;
      }
      // Order holds: what comes after the first command that must be repeated is repeated with it,
      // unless it was done.
      const first = round.findIndex((result, index) => again(rest[index] as object, result));
      const settled = first < 0 ? round.length : first;
      results.push(...round.slice(0, settled));
      const later = round.slice(settled);
      const repeatable = later.every((result, index) => again(rest[settled + index] as object, result));
      hint = hint === undefined ? hinted(later, node) : undefined;
      const nap = hint === undefined ? pause * (0.5 + random()) : 0;
      // A try that has no time left would turn "not done" into "unknown".
      if (later.length === 0 || !repeatable || clock.monotonic() + nap + leastMs >= until) {
        results.push(...later);
        observe(kind, (clock.monotonic() - startedAt) / 1000);
        return results;
      }
      if (nap > 0) await sleep(clock, nap);
    }
  }

  /**
   * What one owner says of these, in as many answers as it takes to send that, while there is time. Each brings one
   * result at least. Those after the last answer have the refusal that ended it.
   */
  async function peekOwner(
    node: string | undefined,
    what: { kind: string; command: object },
    ids: readonly string[],
    until: number,
    requestId: string,
    trace: string | undefined,
  ): Promise<(Result | undefined)[]> {
    const results: (Result | undefined)[] = [];
    const all = (result: Result) => [...results, ...ids.slice(results.length).map(() => result)];
    while (results.length < ids.length) {
      const left = until - clock.monotonic();
      if (results.length > 0 && left <= leastMs) return all(notFitting);
      const params = { ...what, ids: ids.slice(results.length, results.length + peekedMost) };
      const answer = await callOwner<(Result | null)[]>(node, 'actors.peek', params, left, requestId, trace);
      if (!Array.isArray(answer)) return all({ refusal: answer });
      const fitting = answer.findIndex((result) => isNotFitting(result));
      if (fitting === 0 || answer.length === 0) return all(notFitting);
      for (const result of fitting < 0 ? answer : answer.slice(0, fitting)) results.push(result ?? undefined);
    }
    return results;
  }

  return {
    ask,
    async one<Reply>(kind: string, id: string, command: object, options?: AskOptions) {
      const [result] = await ask(kind, id, [command], options);
      if (result === undefined) throw new SuhbatError({ code: 'internal' });
      if ('refusal' in result) throw new SuhbatError(result.refusal);
      return result.reply as Reply;
    },
    async peek(kind, ids, command, options = {}) {
      const until = clock.monotonic() + (options.budgetMs ?? budgetMs);
      const requestId = options.requestId ?? newId();
      const found = new Map<string, Result | undefined>();
      let left = [...ids];
      /** By shard. */
      let hints = new Map<number, string>();
      for (let pause = pauseMs; left.length > 0; pause = Math.min(pause * 2, pauseMaxMs)) {
        const byOwner = Map.groupBy(left, (id) => {
          const shard = shardOf(kind, id, shards);
          return hints.get(shard) ?? map.owner(shard);
        });
        const next = new Map<number, string>();
        const answers = [...byOwner].map(async ([node, own]) => {
          const results = await peekOwner(node, { kind, command }, own, until, requestId, options.trace);
          own.forEach((id, index) => {
            const result = results[index];
            found.set(id, result);
            const shard = shardOf(kind, id, shards);
            const hint = hints.size > 0 ? undefined : hinted([result], node);
            if (hint !== undefined) next.set(shard, hint);
          });
        });
        await Promise.all(answers);
        left = left.filter((id) => again(command, found.get(id)));
        hints = next;
        const nap = hints.size > 0 ? 0 : pause * (0.5 + random());
        if (left.length === 0 || clock.monotonic() + nap + leastMs >= until) break;
        if (nap > 0) await sleep(clock, nap);
      }
      return found;
    },
  };
}

/** Why a call has no answer. Where a node does not offer actors, they have moved: nothing was done. */
function notTaken(error: unknown): Refusal {
  const refusal = refusalOf(error);
  return refusal.reason === 'no_service' ? { code: 'actor_moved', reason: 'no_owner' } : refusal;
}

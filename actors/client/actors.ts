import type { Call } from '../../ops/broker/call.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import { type Refusal, refusalOf, SuhbatError } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import type { Actors, AskOptions, Result } from './ask.ts';
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
    shard: number,
    action: string,
    params: object,
    leftMs: number,
    requestId: string,
  ): Promise<Reply | Refusal> {
    const node = map.owner(shard);
    if (node === undefined) return Promise.resolve({ code: 'actor_moved', reason: 'no_owner' });
    const budget_ms = Math.max(1, Math.ceil(leftMs));
    return parts
      .callNode<Reply>(node, action, params, { request_id: requestId, budget_ms })
      .catch<Refusal>(refusalOf);
  }

  async function ask(kind: string, id: string, commands: readonly object[], options: AskOptions = {}) {
    const startedAt = clock.monotonic();
    const until = startedAt + (options.budgetMs ?? budgetMs);
    const requestId = options.requestId ?? newId();
    const shard = shardOf(kind, id, shards);
    const results: Result[] = [];
    if (commands.length === 0) return results;
    for (let pause = pauseMs; ; pause = Math.min(pause * 2, pauseMaxMs)) {
      const rest = results.length === 0 ? commands : commands.slice(results.length);
      const left = until - clock.monotonic();
      const answer = await callOwner<Result[]>(
        shard,
        'actors.ask',
        { kind, id, commands: rest },
        left,
        requestId,
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
      const nap = pause * (0.5 + random());
      // A try that has no time left would turn "not done" into "unknown".
      if (later.length === 0 || !repeatable || clock.monotonic() + nap + leastMs >= until) {
        results.push(...later);
        observe(kind, (clock.monotonic() - startedAt) / 1000);
        return results;
      }
      await sleep(clock, nap);
    }
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
      for (let pause = pauseMs; left.length > 0; pause = Math.min(pause * 2, pauseMaxMs)) {
        const byOwner = Map.groupBy(left, (id) => map.owner(shardOf(kind, id, shards)));
        const answers = [...byOwner.values()].map(async (own) => {
          const shard = shardOf(kind, own[0] as string, shards);
          const params = { kind, ids: own, command };
          const budget = until - clock.monotonic();
          const answer = await callOwner<(Result | null)[]>(shard, 'actors.peek', params, budget, requestId);
          own.forEach((id, index) => {
            found.set(id, Array.isArray(answer) ? (answer[index] ?? undefined) : { refusal: answer });
          });
        });
        await Promise.all(answers);
        left = left.filter((id) => again(command, found.get(id)));
        const nap = pause * (0.5 + random());
        if (left.length === 0 || clock.monotonic() + nap + leastMs >= until) break;
        await sleep(clock, nap);
      }
      return found;
    },
  };
}

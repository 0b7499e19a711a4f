import { defineService, type NodeCall } from '../../ops/broker/broker.ts';
import type { CallMeta } from '../../ops/broker/call.ts';
import { newId } from '../../schemas/ids.ts';
import { notFitting } from '../client/ask.ts';
import type { ActorHost } from './host.ts';
import type { Placement } from './view.ts';

/** Milliseconds for a call that brought no budget. */
const defaultBudgetMs = 5000;
/** For one release, its wait for its turn included. */
const releaseMs = 5000;
/** An answer leaves so long before its caller gives up: `not done` is worth more than `unknown`. */
const answerMs = 100;
/** Bytes of an answer's results, as JSON; the last one may pass it. NATS takes a mebibyte, unless it is told otherwise. */
const answerBytes = 512 * 1024;

/** The doors to a node's actors, by the action's name. See actors/client/ask.ts for who may call. */
export function actorActions<Tx>(host: ActorHost<Tx>) {
  return {
    'actors.ask': (params: { kind: string; id: string; commands: object[] }, meta: CallMeta) =>
      host.ask({ ...params, budgetMs: budgetOf(meta) }),

    /**
     * One result an id, `null` where the actor is cold. Where the answer would become too long to be sent, the last
     * ones are `notFitting`; the first one never is.
     */
    'actors.peek': async (
      { kind, ids, command }: { kind: string; ids: string[]; command: object },
      meta: CallMeta,
    ) => {
      const budgetMs = budgetOf(meta);
      const results = await Promise.all(
        ids.map(async (id) => (await host.peek({ kind, id, command, budgetMs })) ?? null),
      );
      let bytes = 0;
      return results.map((result) => {
        if (bytes > answerBytes) return notFitting;
        bytes += Buffer.byteLength(JSON.stringify(result));
        return result;
      });
    },
  };
}

/** For callers on other nodes, who name the node. */
export function actorsService<Tx>(host: ActorHost<Tx>) {
  const { 'actors.ask': ask, 'actors.peek': peek } = actorActions(host);
  return defineService('actors', {
    ask,
    peek,
    /** Should the shard be elsewhere, it is let go in its turn. True: it is not here any more. */
    release: ({ shard }: { shard: number }) => host.release(shard),
  });
}

/** How a host asks another one to let a shard go. */
export function createAskRelease(callNode: NodeCall): Placement['askRelease'] {
  return (node, shard) =>
    callNode<boolean>(node, 'actors.release', { shard }, { request_id: newId(), budget_ms: releaseMs }).catch(
      () => false,
    );
}

function budgetOf({ budget_ms = defaultBudgetMs }: CallMeta): number {
  return Math.max(budget_ms / 2, budget_ms - answerMs);
}

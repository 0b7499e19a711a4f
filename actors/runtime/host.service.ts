import { defineService } from '../../ops/broker/broker.ts';
import type { CallMeta } from '../../ops/broker/call.ts';
import type { ActorHost } from './host.ts';

/** Milliseconds for a call that brought no budget. */
const defaultBudgetMs = 5000;

/** The door to a node's actors: callers name the node. See actors/client/ask.ts for who may call. */
export function actorsService<Tx>(host: ActorHost<Tx>) {
  return defineService('actors', {
    ask: (params: { kind: string; id: string; commands: object[] }, meta: CallMeta) =>
      host.ask({ ...params, budgetMs: meta.budget_ms ?? defaultBudgetMs }),

    /** One result an id, `null` where the actor is cold. */
    peek: ({ kind, ids, command }: { kind: string; ids: string[]; command: object }, meta: CallMeta) => {
      const budgetMs = meta.budget_ms ?? defaultBudgetMs;
      return Promise.all(ids.map(async (id) => (await host.peek({ kind, id, command, budgetMs })) ?? null));
    },
  });
}

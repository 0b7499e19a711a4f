import { expect } from 'chai';
import { createActors } from '../../../actors/client/actors.ts';
import { notFitting, type Result } from '../../../actors/client/ask.ts';
import { createShardMap } from '../../../actors/client/placement.ts';
import { shardOf } from '../../../actors/client/shard-of.ts';
import { fail, SuhbatError } from '../../../schemas/errors.ts';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';

const shards = 2;

/** Callers over two nodes that share one world; every call is counted, and may be lost. */
describe('ask', () => {
  let world: World;
  let nodes: Map<string, Node>;
  let map: ReturnType<typeof createShardMap>;
  let calls: { node: string; action: string; commands: number; budget: number }[];
  /** What becomes of the next call in place of an answer; `late`: it is carried out, and not answered. */
  let fate: ((node: string) => 'late' | Error | undefined) | undefined;

  beforeEach(async () => {
    world = createWorld(false);
    map = createShardMap(shards, ['n1', 'n2']);
    calls = [];
    fate = undefined;
    nodes = new Map();
    for (const node of ['n1', 'n2'])
      nodes.set(
        node,
        createNode(world, {
          node,
          shards,
          placement: {
            owner: map.owner,
            isLive: map.isLive,
            askRelease: (by, shard) => void release(by, shard),
          },
        }),
      );
    await Promise.all([...nodes.values()].map((node) => node.start()));
  });

  const release = (node: string, shard: number) => nodes.get(node)?.host.release(shard);

  const actors = () =>
    createActors({
      async callNode<Reply>(node: string, action: string, params: object, meta: { budget_ms?: number }) {
        const { kind, commands, ids, command, id } = params as {
          kind: string;
          id: string;
          commands: object[];
          ids: string[];
          command: object;
        };
        const budgetMs = meta.budget_ms ?? 0;
        calls.push({ node, action, commands: commands?.length ?? ids.length, budget: budgetMs });
        const end = fate?.(node);
        if (end instanceof Error) throw end;
        const host = nodes.get(node)?.host;
        if (host === undefined) throw fail('unavailable', { reason: 'no_service' });
        const answer = commands
          ? host.ask({ kind, id, commands, budgetMs })
          : Promise.all(
              ids.map(async (one) => (await host.peek({ kind, id: one, command, budgetMs })) ?? null),
            );
        if (end === 'late') {
          await answer;
          throw fail('timeout');
        }
        return (await answer) as Reply;
      },
      map,
      shards,
      clock: world.clock,
      random: () => 0.5,
      budgetMs: 5000,
      observe: () => {},
    });

  async function passing<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    void promise.finally(() => (over = true)).catch(() => {});
    while (!over) await world.clock.advance(5);
    return promise;
  }

  const put = (key: string, more: object = {}) => ({ type: 'put', by: 'ann', key, ...more });

  /** Ids of actors in both shards. */
  const [even, odd] = [0, 1].map(
    (shard) => ['a', 'b', 'c', 'd', 'e'].find((id) => shardOf('ledger', id, shards) === shard) as string,
  ) as [string, string];

  it('goes to the owner, and gives each command its own result', async () => {
    for (const id of [even, odd]) {
      const results = await passing(actors().ask('ledger', id, [put('k1'), { type: 'refuse' }, put('k2')]));
      expect(results.map(seqOf)).to.deep.equal([1, undefined, 2]);
      expect(codeOf(results[1])).to.equal('forbidden');
    }
    for (const [index, id] of [even, odd].entries())
      expect(calls[index]?.node).to.equal(map.owner(shardOf('ledger', id, shards)));
  });

  it('of nothing is answered without a call', async () => {
    expect(await actors().ask('ledger', even, [])).to.deep.equal([]);
    expect(calls).to.deep.equal([]);
  });

  it('is repeated while the owner moves, until it is found', async () => {
    const owner = map.owner(shardOf('ledger', even, shards)) as string;
    await passing(actors().ask('ledger', even, [put('k1')]));
    const asked = actors().ask('ledger', even, [put('k2')]);
    const drained = nodes.get(owner)?.host.drain(1000);
    map.update(['n1', 'n2'].filter((node) => node !== owner));
    const results = await passing(asked);
    await passing(drained as Promise<void>);
    const [again] = await passing(actors().ask('ledger', even, [put('k3')]));
    expect(results.map(seqOf)).to.deep.equal([2]);
    expect(seqOf(again)).to.equal(3);
  });

  it('repeats a message.send after an unknown outcome, and nothing else', async () => {
    let lost = 1;
    fate = () => (lost-- > 0 ? 'late' : undefined);
    const [unknown] = await passing(actors().ask('ledger', even, [put('k1')]));
    expect(codeOf(unknown)).to.equal('timeout');
    expect(calls).to.have.length(1);
    lost = 1;
    const [sent] = await passing(actors().ask('ledger', even, [{ type: 'message.send' }]));
    expect(calls).to.have.length(3);
    // The ledger knows no such command; what counts is that it was asked again.
    expect(codeOf(sent)).to.equal('internal');
  });

  it('repeats in order, and what was done not again', async () => {
    const moved: Result = { refusal: { code: 'actor_moved' } };
    const asked: object[][] = [];
    const scripted: Result[][] = [[{ reply: 1 }, moved, moved], [{ reply: 2 }, moved], [{ reply: 3 }]];
    const client = createActors({
      async callNode<Reply>(_node: string, _action: string, params: object) {
        asked.push((params as { commands: object[] }).commands);
        return scripted.shift() as Reply;
      },
      map,
      shards,
      clock: world.clock,
      random: () => 0.5,
      budgetMs: 5000,
      observe: () => {},
    });
    const commands = [put('k1'), put('k2'), put('k3')];
    const results = await passing(client.ask('ledger', even, commands));
    expect(results).to.deep.equal([{ reply: 1 }, { reply: 2 }, { reply: 3 }]);
    expect(asked).to.deep.equal([commands, commands.slice(1), commands.slice(2)]);
  });

  /** What each node answers, told by its name; every call and the time of it is noted. */
  function scripted(answer: (node: string) => Result[] | Error, live = ['n1', 'n2']) {
    const asked: { node: string; at: number }[] = [];
    const view = createShardMap(shards, ['n1']);
    view.update(['n1'], live);
    const client = createActors({
      async callNode<Reply>(node: string, _action: string, params: object) {
        asked.push({ node, at: world.clock.monotonic() });
        const given = answer(node);
        if (given instanceof Error) throw given;
        // A peek has as many results as ids.
        return ((params as { ids?: string[] }).ids?.map(() => given[0]) ?? given) as Reply;
      },
      map: view,
      shards,
      clock: world.clock,
      random: () => 0.5,
      budgetMs: 1000,
      observe: () => {},
    });
    return { client, asked };
  }

  const namesOf = (asked: { node: string }[]) => asked.map(({ node }) => node);
  /** Between two calls; the least that a repeat waits is 20 ms here. */
  const pauseOf = ([one, other]: { at: number }[]) => (other?.at ?? Number.NaN) - (one?.at ?? Number.NaN);
  const movedTo = (node: string): Result => ({ refusal: { code: 'actor_moved' }, node });

  it('follows a hint at once to a live node', async () => {
    const { client, asked } = scripted((node) => (node === 'n1' ? [movedTo('n2')] : [{ reply: 'here' }]));
    expect(await passing(client.ask('ledger', even, [put('k1')]))).to.deep.equal([{ reply: 'here' }]);
    expect(namesOf(asked)).to.deep.equal(['n1', 'n2']);
    expect(pauseOf(asked)).to.be.lessThan(20);
    asked.length = 0;
    const found = await passing(client.peek('ledger', [even], { type: 'head' }));
    expect(found.get(even)).to.deep.equal({ reply: 'here' });
    expect(namesOf(asked)).to.deep.equal(['n1', 'n2']);
    expect(pauseOf(asked)).to.be.lessThan(20);
  });

  it('follows none to a node that is gone, and asks two that name each other no faster than one', async () => {
    const gone = scripted(() => [movedTo('n2')], ['n1']);
    await passing(gone.client.ask('ledger', even, [put('k1')]));
    expect(new Set(namesOf(gone.asked))).to.deep.equal(new Set(['n1']));
    for (const way of ['ask', 'peek'] as const) {
      const duel = scripted((node) => [movedTo(node === 'n1' ? 'n2' : 'n1')]);
      if (way === 'ask') {
        const [result] = await passing(duel.client.ask('ledger', even, [put('k1')]));
        expect(codeOf(result)).to.equal('actor_moved');
      } else await passing(duel.client.peek('ledger', [even, odd], { type: 'head' }));
      expect(new Set(namesOf(duel.asked))).to.deep.equal(new Set(['n1', 'n2']));
      expect(duel.asked.length).to.be.within(6, 20);
    }
  });

  it('as a peek takes an answer in parts from whom a hint named, and goes back to nobody', async () => {
    const asked: { node: string; ids: number }[] = [];
    const view = createShardMap(1, ['n1']);
    view.update(['n1'], ['n1', 'n2']);
    const client = createActors({
      async callNode<Reply>(node: string, _action: string, params: object) {
        const { ids } = params as { ids: string[] };
        asked.push({ node, ids: ids.length });
        return ids.map((id, at) => {
          if (node === 'n1') return movedTo('n2');
          return at < 2 ? { reply: id } : notFitting;
        }) as Reply;
      },
      map: view,
      shards: 1,
      clock: world.clock,
      random: () => 0.5,
      budgetMs: 1000,
      observe: () => {},
    });
    const began = world.clock.monotonic();
    const found = await passing(client.peek('ledger', ['a', 'b', 'c', 'd', 'e'], { type: 'head' }));
    expect([...found]).to.deep.equal(['a', 'b', 'c', 'd', 'e'].map((id) => [id, { reply: id }]));
    expect(asked).to.deep.equal([
      { node: 'n1', ids: 5 },
      { node: 'n2', ids: 5 },
      { node: 'n2', ids: 3 },
      { node: 'n2', ids: 1 },
    ]);
    expect(world.clock.monotonic() - began).to.be.lessThan(20);
  });

  it('as a peek whose answers bring nothing is repeated with pauses, and ends within its budget', async () => {
    const { client, asked } = scripted(() => [notFitting]);
    const began = world.clock.monotonic();
    const found = await passing(client.peek('ledger', [even, odd], { type: 'head' }));
    expect([...found.values()].map(codeOf)).to.deep.equal(['actor_moved', 'actor_moved']);
    expect(world.clock.monotonic() - began).to.be.lessThan(1000);
    expect(asked.length).to.be.within(3, 20);
  });

  it('looks again at placement where a node offers no actors', async () => {
    let tries = 0;
    const { client } = scripted(() =>
      ++tries < 3 ? fail('unavailable', { reason: 'no_service' }) : [{ reply: 'here' }],
    );
    expect(await passing(client.ask('ledger', even, [put('k1')]))).to.deep.equal([{ reply: 'here' }]);
  });

  it('ends within its budget, and never with a try that has no time left', async () => {
    fate = () => fail('actor_moved');
    const began = world.clock.monotonic();
    const [result] = await passing(actors().ask('ledger', even, [put('k1')], { budgetMs: 1000 }));
    expect(codeOf(result)).to.equal('actor_moved');
    expect(world.clock.monotonic() - began).to.be.lessThan(1000);
    expect(Math.min(...calls.map(({ budget }) => budget))).to.be.at.least(50);
  });

  it('never rejects: what cannot be delivered is a refusal in every result', async () => {
    fate = () => new Error('a bug');
    const results = await passing(actors().ask('ledger', even, [put('k1'), put('k2')]));
    expect(results.map(codeOf)).to.deep.equal(['internal', 'internal']);
    map.update([]);
    const [nobody] = await passing(actors().ask('ledger', even, [put('k1')], { budgetMs: 300 }));
    expect(codeOf(nobody)).to.equal('actor_moved');
  });

  it('of one command gives its reply, or throws its refusal', async () => {
    expect(await passing(actors().one('ledger', even, put('k1')))).to.deep.equal({ seq: 1 });
    const thrown: unknown = await passing(
      actors()
        .one('ledger', even, { type: 'refuse' })
        .catch((e) => e),
    );
    expect(thrown).to.be.instanceOf(SuhbatError).and.to.have.property('code', 'forbidden');
  });

  it('as a peek makes one call per owner, and tells cold from hot', async () => {
    await passing(actors().ask('ledger', even, [put('k1')]));
    calls = [];
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const found = await passing(actors().peek('ledger', ids, { type: 'head' }));
    expect(calls).to.have.length(2);
    expect([...found.keys()]).to.have.members(ids);
    expect([...found].filter(([, result]) => result !== undefined).map(([id]) => id)).to.deep.equal([even]);
  });

  it('as a peek asks again only for those whose owner has moved', async () => {
    let moved = 1;
    fate = () => (moved-- > 0 ? fail('actor_moved') : undefined);
    const found = await passing(actors().peek('ledger', [even, odd], { type: 'head' }));
    expect(calls.map(({ commands }) => commands)).to.deep.equal([1, 1, 1]);
    expect([...found.values()]).to.deep.equal([undefined, undefined]);
  });
});

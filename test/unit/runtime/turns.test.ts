import { expect } from 'chai';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

describe('turns', () => {
  let world: World;
  let node: Node;
  /** Statements that wait until the test lets them go. */
  let held: Map<string, (() => void)[]>;
  let holding: Set<string>;

  async function letGo(statement: string): Promise<void> {
    holding.delete(statement);
    for (const go of held.get(statement)?.splice(0) ?? []) go();
    await settled();
  }

  beforeEach(async () => {
    held = new Map();
    holding = new Set();
    world = createWorld();
    node = createNode(world, {
      options: { actorQueue: 5, activations: 3, idleMs: 10_000 },
      step: async (statement) => {
        if (!holding.has(statement)) return;
        await new Promise<void>((go) => held.set(statement, [...(held.get(statement) ?? []), go]));
      },
    });
    await node.start();
  });

  it('keep the order of commands that wait while an actor is loading', async () => {
    holding.add('load');
    const asked = node.ask('a', [
      { type: 'put', by: 'ann', key: 'k1' },
      { type: 'put', by: 'ann', key: 'k2' },
    ]);
    await settled();
    expect(asked.results).to.equal(undefined);
    await letGo('load');
    expect(asked.results?.map(seqOf)).to.deep.equal([1, 2]);
    expect(world.table.loads).to.equal(1);
  });

  it('let only commands of the same sender or target wait for rows that one needs', async () => {
    holding.add('fetch');
    const needy = node.ask('a', [{ type: 'put', by: 'ann', key: 'old', lookup: true }]);
    const sameSender = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    const sameTarget = node.ask('a', [{ type: 'put', by: 'bob', key: 'old' }]);
    const other = node.ask('a', [{ type: 'put', by: 'cem', key: 'k2' }]);
    await settled();
    expect(other.results?.map(seqOf)).to.deep.equal([1]);
    expect(sameSender.results).to.equal(undefined);
    expect(sameTarget.results).to.equal(undefined);
    await letGo('fetch');
    expect(needy.results?.map(seqOf)).to.deep.equal([2]);
    expect(sameSender.results?.map(seqOf)).to.deep.equal([3]);
    expect(sameTarget.results?.map(seqOf)).to.deep.equal([2]);
  });

  it('refuse a command whose rows cannot be read, and go on with those behind it', async () => {
    const asked = node.ask('a', [
      { type: 'put', by: 'ann', key: 'unreadable', lookup: true },
      { type: 'put', by: 'ann', key: 'k1' },
    ]);
    await settled();
    expect(asked.results?.map(codeOf)).to.deep.equal(['unavailable', undefined]);
    expect(asked.results?.map(seqOf)).to.deep.equal([undefined, 1]);
  });

  it('drop an expired command before it is decided, never after', async () => {
    holding.add('load');
    const late = node.ask('a', [{ type: 'put', by: 'ann', key: 'late' }], 100);
    await settled();
    await world.clock.advance(200);
    await letGo('load');
    expect(late.results?.map(codeOf)).to.deep.equal(['unavailable']);
    node.journal.hold();
    const slow = node.ask('a', [{ type: 'put', by: 'ann', key: 'slow' }], 100);
    await world.clock.advance(200);
    await node.journal.release();
    expect(slow.results?.map(seqOf)).to.deep.equal([1]);
  });

  it('refuse what does not fit into the queue of an actor', async () => {
    holding.add('load');
    const asked = node.ask(
      'a',
      Array.from({ length: 7 }, (_, n) => ({ type: 'put', by: 'ann', key: `k${n}` })),
    );
    await settled();
    await letGo('load');
    expect(asked.results?.map(codeOf).filter((code) => code === 'unavailable')).to.have.length(2);
    expect(asked.results?.map(seqOf).slice(0, 5)).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('turn a bug in decide into a refusal that changes nothing', async () => {
    const asked = node.ask('a', [{ type: 'throw' }, { type: 'put', by: 'ann', key: 'k1' }]);
    await settled();
    expect(asked.results?.map(codeOf)).to.deep.equal(['internal', undefined]);
    expect(seqOf(asked.results?.[1])).to.equal(1);
  });

  it('load an actor again only when none of its committed events is unflushed', async () => {
    holding.add('begin');
    await node.put('a', 'k1');
    expect(codeOf(await node.put('a', 'unevolvable'))).to.equal('internal');
    const next = node.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]);
    await world.clock.advance(1000);
    expect(next.results).to.equal(undefined);
    await letGo('begin');
    await world.clock.advance(1000);
    expect(next.results?.map(seqOf)).to.deep.equal([2]);
  });

  it('let an actor leave memory only when PostgreSQL has all of it', async () => {
    holding.add('begin');
    await node.put('a', 'k1');
    await world.clock.advance(60_000);
    expect(node.host.stats().actors).to.deep.equal({ ledger: 1 });
    await letGo('begin');
    await world.clock.advance(60_000);
    expect(node.host.stats().actors).to.deep.equal({ ledger: 0 });
    expect(seqOf(await node.put('a', 'k2'))).to.equal(2);
  });

  it('keep an actor while a mark of it is not written', async () => {
    holding.add('begin');
    await node.ask('a', [{ type: 'mark', at: 7 }]).done;
    await world.clock.advance(60_000);
    expect(node.host.stats().actors).to.deep.equal({ ledger: 1 });
    await letGo('begin');
    await world.clock.advance(60_000);
    expect(world.table.marks.get('a')).to.equal(7);
    expect(node.host.stats().actors).to.deep.equal({ ledger: 0 });
  });

  it('make room by letting the oldest idle actor go, and refuse where none may leave', async () => {
    for (const id of ['a', 'b', 'c']) {
      await node.put(id, 'k1');
      await world.clock.advance(1000);
    }
    holding.add('begin');
    await node.put('a', 'k2');
    expect(seqOf(await node.put('d', 'k1'))).to.equal(1);
    expect(seqOf(await node.put('e', 'k1'))).to.equal(1);
    expect(codeOf(await node.put('f', 'k1'))).to.equal('unavailable');
    const loads = world.table.loads;
    await node.put('a', 'k3');
    expect(world.table.loads).to.equal(loads);
  });

  it('answer a peek from memory, and activate nothing for it', async () => {
    const command = { type: 'head' };
    expect(await node.host.peek({ kind: 'ledger', id: 'a', command, budgetMs: 1000 })).to.equal(undefined);
    expect(node.host.stats().actors).to.deep.equal({ ledger: 0 });
    await node.put('a', 'k1');
    const hot = await node.host.peek({ kind: 'ledger', id: 'a', command, budgetMs: 1000 });
    expect(hot).to.deep.equal({ reply: { head: 1, marked: 0 } });
  });
});

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
      options: { actorQueue: 5 },
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
    expect(slow.results?.map(codeOf)).to.deep.equal(['timeout']);
    await node.journal.release();
    expect(seqOf(await node.put('a', 'slow'))).to.equal(1);
    expect(seqOf(await node.put('a', 'late'))).to.equal(2);
  });

  it('are not taken when the time is up, however late the timer that says so', async () => {
    holding.add('load');
    world.clock.after(100, () => void letGo('load'));
    const late = node.ask('a', [{ type: 'put', by: 'ann', key: 'late' }], 100);
    await world.clock.advance(100);
    expect(late.results?.map(codeOf)).to.deep.equal(['unavailable']);
    expect(node.batches).to.deep.equal([]);
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

  it('load an actor again only when nothing of it is on its way to the journal either', async () => {
    node.journal.hold();
    const first = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    expect(codeOf(await node.put('a', 'unevolvable'))).to.equal('internal');
    const next = node.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]);
    await world.clock.advance(100);
    await node.journal.release();
    await world.clock.advance(100);
    expect(first.results?.map(seqOf)).to.deep.equal([1]);
    expect(next.results?.map(seqOf)).to.deep.equal([2]);
    expect([...world.table.of('a')]).to.deep.equal([
      [1, 'k1'],
      [2, 'k2'],
    ]);
  });

  it('of one call that breaks the state halfway go on from what was committed', async () => {
    await node.put('a', 'k1');
    await world.clock.advance(100);
    node.journal.hold();
    const asked = node.ask('a', [
      { type: 'put', by: 'ann', key: 'k2' },
      { type: 'put', by: 'ann', key: 'unevolvable' },
      { type: 'put', by: 'ann', key: 'k3' },
    ]);
    await world.clock.advance(100);
    await node.journal.release();
    await world.clock.advance(100);
    expect(asked.results?.map(seqOf)).to.deep.equal([2, undefined, 3]);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2', 'k3']);
  });

  it('are not taken on a state that a bug has broken', async () => {
    holding.add('load');
    const asked = node.ask('a', [
      { type: 'put', by: 'ann', key: 'k1' },
      { type: 'puts', by: 'ann', keys: ['half', 'unevolvable'] },
      { type: 'put', by: 'ann', key: 'k2' },
    ]);
    await letGo('load');
    await world.clock.advance(100);
    expect(asked.results?.map(codeOf)).to.deep.equal([undefined, 'internal', 'unavailable']);
    expect(seqOf(await node.put('a', 'k2'))).to.equal(2);
    await world.clock.advance(100);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2']);
  });

  it('turn a bug in keys or needs into a refusal, say so in the log, and go on', async () => {
    holding.add('fetch');
    const asked = node.ask('a', [
      { type: 'put', by: 'ann', key: 'old', lookup: true },
      { type: 'unkeyable' },
      { type: 'unneedable' },
      { type: 'throw' },
      { type: 'put', by: 'bob', key: 'k1' },
    ]);
    await settled();
    await letGo('fetch');
    expect(asked.results?.map(codeOf)).to.deep.equal([
      undefined,
      'internal',
      'internal',
      'internal',
      undefined,
    ]);
    expect(node.logs.filter((line) => line.startsWith('error'))).to.have.length(3);
  });

  it('of what comes while another turn lets something out are taken in their order', async () => {
    const heads: (number | undefined)[] = [];
    node.bus.subscribe('told', () => {
      void node.ask('a', [{ type: 'put', by: 'ann', key: 'brought' }]).done.then(([result]) => {
        heads.push(seqOf(result));
      });
    });
    holding.add('fetch');
    const asked = node.ask('a', [
      { type: 'tell', by: 'ann', lookup: true },
      { type: 'put', by: 'ann', key: 'k1' },
    ]);
    await settled();
    await letGo('fetch');
    expect(asked.results?.map(seqOf)).to.deep.equal([undefined, 1]);
    expect(heads).to.deep.equal([2]);
    holding.add('load');
    const loading = node.ask('b', [
      { type: 'tell', by: 'ann' },
      { type: 'put', by: 'ann', key: 'k1' },
    ]);
    node.bus.subscribe('told', () => void node.ask('b', [{ type: 'put', by: 'cem', key: 'k2' }]));
    await settled();
    await letGo('load');
    expect(loading.results?.map(seqOf)).to.deep.equal([undefined, 1]);
  });

  it('of a frozen actor are not taken, also by commands that waited already', async () => {
    holding.add('fetch');
    await node.put('a', 'poison freezes');
    const waiting = node.ask('a', [{ type: 'put', by: 'ann', key: 'old', lookup: true }]);
    await world.clock.advance(2000);
    await letGo('fetch');
    expect(waiting.results).to.deep.equal([{ refusal: { code: 'unavailable', reason: 'frozen' } }]);
  });

  it('of no commands are answered at once', async () => {
    expect(await node.ask('a', []).done).to.deep.equal([]);
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

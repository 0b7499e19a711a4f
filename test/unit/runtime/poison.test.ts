import { expect } from 'chai';
import { encodeRecord } from '../../../actors/runtime/record.ts';
import {
  codeOf,
  createNode,
  createWorld,
  failSteps,
  type Node,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';

/** Data that PostgreSQL refuses whatever is tried again. */
describe('poison', () => {
  let world: World;
  let node: Node;
  let fails: Map<string, number>;

  beforeEach(async () => {
    fails = new Map();
    world = createWorld();
    node = createNode(world, {
      step: failSteps(fails),
    });
    await node.start();
  });

  it('is found by bisection, its place is kept, and all the rest is written', async () => {
    node.journal.hold();
    const asked = Array.from({ length: 20 }, (_, n) =>
      node.ask(n % 2 === 0 ? 'a' : 'b', [
        { type: 'put', by: 'ann', key: n === 6 || n === 13 ? `poison ${n}` : `k${n}` },
      ]),
    );
    await world.clock.advance(1);
    await node.journal.release();
    await world.clock.advance(2000);
    expect(asked.every((one) => seqOf(one.results?.[0]) !== undefined)).to.equal(true);
    expect(world.table.buried).to.have.members(['poison 6', 'poison 13']);
    expect(world.table.of('a').size + world.table.of('b').size).to.equal(20);
    expect(world.database.deadLetters.map((letter) => letter.freezes)).to.deep.equal([false, false]);
    expect(node.buried).to.have.length(2);
    expect(seqOf(await node.put('a', 'on'))).to.equal(11);
  });

  it('is not what fails while it is looked for: only what PostgreSQL refuses is buried', async () => {
    let projects = 0;
    const other = createNode(createWorld(), {
      step: async (statement) => {
        // In bulk, with savepoints, the first half; then the connection is lost.
        if (statement === 'project' && ++projects >= 4 && projects <= 6) throw new Error('connection lost');
      },
    });
    await other.start();
    await other.ask('a', [{ type: 'puts', by: 'ann', keys: ['k1', 'poison 1', 'k2', 'k3'] }]).done;
    await other.world.clock.advance(10_000);
    expect(other.world.table.buried).to.deep.equal(['poison 1']);
    expect([...other.world.table.of('a').values()].sort()).to.deep.equal(['buried', 'k1', 'k2', 'k3']);
  });

  it('is counted once, however often its transaction is tried', async () => {
    await node.put('a', 'poison 1');
    await world.clock.advance(25);
    fails.set('commit', 3);
    await world.clock.advance(5000);
    expect(node.buried).to.deep.equal(['ledger']);
    expect(world.database.deadLetters).to.have.length(1);
  });

  it('freezes an actor that cannot go on without it, also for the next owner', async () => {
    await node.put('a', 'poison freezes');
    await world.clock.advance(2000);
    expect(codeOf(await node.put('a', 'k2'))).to.equal('unavailable');
    expect(seqOf(await node.put('b', 'k1'))).to.equal(1);
    const drained = node.host.drain(1000);
    await world.clock.advance(100);
    await drained;
    const two = createNode(world, { node: 'n2' });
    await two.start();
    expect(codeOf(await two.put('a', 'k2'))).to.equal('unavailable');
  });

  it('freezes its actor also where the answer to the COMMIT was lost', async () => {
    const stored = node.ask('a', [{ type: 'put', by: 'ann', key: 'poison freezes', stored: true }]);
    fails.set('committed', 1);
    await world.clock.advance(5000);
    expect(stored.results?.map(codeOf)).to.deep.equal(['timeout']);
    expect(codeOf(await node.put('a', 'k2'))).to.equal('unavailable');
    expect(world.database.deadLetters).to.have.length(1);
  });

  it('is not answered as stored', async () => {
    const stored = node.ask('a', [
      { type: 'put', by: 'ann', key: 'poison freezes', stored: true },
      { type: 'put', by: 'ann', key: 'k2' },
    ]);
    await world.clock.advance(2000);
    expect(stored.results?.map(codeOf)).to.deep.equal(['timeout', undefined]);
  });

  it('that meets the next owner while it replays freezes its actor too', async () => {
    fails.set('begin', 1000);
    await node.put('a', 'poison freezes');
    const two = createNode(world, { node: 'n2' });
    await two.start();
    expect(codeOf(await two.put('a', 'k2'))).to.equal('unavailable');
    expect(seqOf(await two.put('b', 'k2'))).to.equal(1);
  });

  it('that cannot even be buried freezes its actor, and stops nobody else', async () => {
    await node.put('a', 'poison unburiable');
    await node.put('b', 'k1');
    await world.clock.advance(2000);
    expect(world.database.deadLetters.map((letter) => letter.freezes)).to.deep.equal([true]);
    expect(codeOf(await node.put('a', 'k2'))).to.equal('unavailable');
    expect(world.table.of('b').get(1)).to.equal('k1');
  });

  it('among marks is dropped alone', async () => {
    for (const id of ['a', 'b', 'c']) await node.put(id, 'k1');
    await world.clock.advance(100);
    await node.ask('a', [{ type: 'mark', at: 3 }]).done;
    await node.ask('b', [{ type: 'mark', at: -1 }]).done;
    await node.ask('c', [{ type: 'mark', at: 5 }]).done;
    await world.clock.advance(2000);
    expect([...world.table.marks]).to.deep.equal([
      ['a', 3],
      ['c', 5],
    ]);
    expect(world.database.deadLetters).to.deep.equal([]);
  });

  it('are events of a kind that this version does not know: they are kept for repair', async () => {
    const newest = world.memory.records(0).at(-1);
    const header = { type: 'batch', epoch: 1, previous: newest?.position ?? 0, node: 'n1' } as const;
    await world.memory.append({
      shard: 0,
      messageId: 'of another version',
      expected: header.previous,
      payload: encodeRecord(header, [JSON.stringify(['queue', 'one', { seq: 1 }])]),
    });
    const two = createNode(world, { node: 'n2' });
    await two.start();
    expect(seqOf(await two.put('a', 'k1'))).to.equal(1);
    expect(world.database.deadLetters).to.deep.include({
      shard: 0,
      position: (newest?.position ?? 0) + 1,
      kind: 'queue',
      actor_id: 'one',
      event: { seq: 1 },
      error: 'unknown kind queue',
      freezes: true,
    });
  });
});

import { expect } from 'chai';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';

describe('the flusher', () => {
  let world: World;
  let node: Node;
  /** Fails the named statement so many times. */
  let fails: Map<string, number>;

  beforeEach(async () => {
    fails = new Map();
    world = createWorld();
    node = createNode(world, {
      options: { trimBehindMs: 10_000 },
      step: async (statement) => {
        const left = fails.get(statement) ?? 0;
        if (left <= 0) return;
        fails.set(statement, left - 1);
        throw new Error(`connection lost at ${statement}`);
      },
    });
    await node.start();
  });

  it('writes events and checkpoint in one transaction: neither without the other', async () => {
    fails.set('commit', 1);
    await node.put('a', 'k1');
    await world.clock.advance(25);
    expect(world.table.of('a').size).to.equal(0);
    await world.clock.advance(1000);
    expect(world.table.of('a').get(1)).to.equal('k1');
    expect(world.database.checkpoints.get(0)?.position).to.equal(world.memory.records(0).at(-1)?.position);
  });

  it('looks at the row again after a COMMIT whose answer was lost, and writes nothing twice', async () => {
    const projections = world.table.projections;
    fails.set('committed', 1);
    await node.put('a', 'k1');
    await world.clock.advance(2000);
    await node.put('a', 'k2');
    await world.clock.advance(2000);
    expect(world.table.projections).to.equal(projections + 2);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2']);
    expect(node.host.stats().unflushedEvents).to.equal(0);
  });

  it('goes on after a lost answer also when more was committed meanwhile', async () => {
    fails.set('committed', 1);
    for (let n = 1; n <= 50; n++) await node.put('a', `k${n}`);
    await world.clock.advance(5000);
    expect(world.table.of('a').size).to.equal(50);
    expect(node.host.stats().unflushedEvents).to.equal(0);
  });

  it('gives a shard up whose checkpoint row is not as it left it, and goes on with the others', async () => {
    const two = createNode(createWorld(), { shards: 8 });
    await two.start();
    const row = world.database.checkpoints.get(0);
    if (row !== undefined) row.epoch = 9;
    await node.put('a', 'k1');
    await world.clock.advance(100);
    expect(world.table.of('a').size).to.equal(0);
    expect(node.logs.join()).to.include('checkpoint row');
  });

  it('refuses stored commands while it fails, and journaled ones go on', async () => {
    await node.put('a', 'k1');
    fails.set('begin', 1000);
    await node.put('a', 'k2');
    await world.clock.advance(500);
    expect(codeOf(await node.put('a', 'k3', { stored: true }))).to.equal('unavailable');
    expect(seqOf(await node.put('a', 'k4'))).to.equal(3);
    fails.clear();
    await world.clock.advance(5000);
    const stored = node.ask('a', [{ type: 'put', by: 'ann', key: 'k5', stored: true }]);
    await world.clock.advance(100);
    expect(stored.results?.map(seqOf)).to.deep.equal([4]);
    expect(world.table.of('a').size).to.equal(4);
  });

  it('finds poison by bisection, keeps its place, and writes all the rest', async () => {
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

  it('freezes an actor that cannot go on without a buried event, also for the next owner', async () => {
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

  it('keeps the newest of several unwritten marks', async () => {
    await node.put('a', 'k1');
    await node.ask('a', [
      { type: 'mark', at: 1 },
      { type: 'mark', at: 2 },
      { type: 'mark', at: 3 },
    ]).done;
    fails.set('commit', 1);
    await world.clock.advance(2000);
    expect(world.table.marks.get('a')).to.equal(3);
  });

  it('trims the journal behind the checkpoint, never past it and never to empty', async () => {
    for (let n = 1; n <= 5; n++) await node.put('a', `k${n}`);
    await world.clock.advance(3000);
    expect(world.memory.records(0)).to.have.length(6);
    fails.set('begin', 1_000_000);
    await node.put('a', 'k6');
    await world.clock.advance(40_000);
    expect(world.memory.records(0)).to.have.length(1);
    const kept = world.memory.records(0).map((record) => record.position);
    expect(kept[0]).to.be.greaterThan(world.database.checkpoints.get(0)?.position ?? 0);
  });

  it('refuses new events when too much is unflushed', async () => {
    const full = createNode(createWorld(), {
      options: { unflushedBytes: 100 },
      step: async (statement) => {
        if (statement === 'begin' && full.batches.length > 0) throw new Error('away');
      },
    });
    await full.start();
    const codes: (string | undefined)[] = [];
    for (let n = 0; n < 10; n++) codes.push(codeOf(await full.put('a', `key number ${n}`)));
    expect(codes[0]).to.equal(undefined);
    expect(codes.at(-1)).to.equal('unavailable');
  });
});

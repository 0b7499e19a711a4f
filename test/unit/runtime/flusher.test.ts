import { expect } from 'chai';
import { shardOf } from '../../../actors/client/shard-of.ts';
import type { Checkpoint } from '../../../actors/runtime/flush-store.ts';
import {
  codeOf,
  createNode,
  createWorld,
  failSteps,
  type Node,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

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
      step: failSteps(fails),
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

  it('goes on after a lost answer also when its next transaction takes less of the shard', async () => {
    let commits = Number.NEGATIVE_INFINITY;
    const other = createNode(createWorld(), {
      shards: 2,
      options: { flushEvents: 4 },
      step: async (statement) => {
        if (statement === 'committed' && ++commits === 2) throw new Error('connection lost');
      },
    });
    await other.start();
    const { clock, table, database } = other.world;
    const [zero, one] = [0, 1].map((shard) => {
      return ['a', 'b', 'c', 'd', 'e'].find((id) => shardOf('ledger', id, 2) === shard) as string;
    }) as [string, string];
    const holder = {};
    await database.lock(0, holder);
    commits = 0;
    // The first is written alone, then the other four.
    for (const key of ['k1', 'k2', 'k3', 'k4', 'k5']) await other.put(zero, key);
    database.unlock(holder);
    await settled();
    expect(commits).to.equal(2);
    const written = database.checkpoints.get(0)?.position;
    await other.put(one, 'k1');
    const positions: number[] = [];
    const { advance } = other.store;
    other.store.advance = (tx, moved) => {
      positions.push(...moved.flatMap(({ shard, position }) => (shard === 0 ? [position] : [])));
      return advance(tx, moved);
    };
    await clock.advance(5000);
    expect(positions, 'the checkpoint goes back never').to.deep.equal([written]);
    expect([zero, one].map((id) => table.of(id).size)).to.deep.equal([5, 1]);
  });

  const foreign: Record<string, (row: Checkpoint) => void> = {
    epoch: (row) => (row.epoch = 9),
    position: (row) => (row.position = 1000),
    journal: (row) => (row.journal_id = 'another'),
  };
  for (const [what, spoil] of Object.entries(foreign))
    it(`gives a shard up whose checkpoint row has not the ${what} that it left, and goes on with the others`, async () => {
      const other = createWorld();
      const many = createNode(other, { shards: 8 });
      await many.start();
      const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
      const lost = shardOf('ledger', 'a', 8);
      spoil(other.database.checkpoints.get(lost) as Checkpoint);
      for (const id of ids) await many.put(id, 'k1');
      await other.clock.advance(100);
      for (const id of ids)
        expect(other.table.of(id).size, id).to.equal(shardOf('ledger', id, 8) === lost ? 0 : 1);
      expect(many.host.stats().shards).to.include({ serving: 7, fenced: 1 });
      expect(many.logs.join()).to.include('checkpoint row');
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

  it('keeps a newer mark than the one that a failed transaction gives back', async () => {
    let lose = () => {};
    let losing = false;
    const other = createNode(createWorld(), {
      step: (statement) =>
        statement === 'commit' && losing
          ? new Promise((_, reject) => (lose = () => reject(new Error('connection lost'))))
          : Promise.resolve(),
      options: { idleMs: 1000, sweepMs: 500 },
    });
    await other.start();
    other.world.table.of('a').set(1, 'k1');
    losing = true;
    await other.ask('a', [{ type: 'mark', at: 1 }]).done;
    await other.world.clock.advance(100);
    await other.ask('a', [{ type: 'mark', at: 2 }]).done;
    losing = false;
    lose();
    await other.world.clock.advance(5000);
    expect(other.world.table.marks.get('a')).to.equal(2);
    expect(other.host.stats().actors, 'nothing of it is counted as unwritten').to.deep.equal({ ledger: 0 });
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

  it('writes a mark only after the events that it may speak of', async () => {
    const small = createNode(createWorld(), { options: { flushEvents: 1 } });
    const { clock, table, database } = small.world;
    await small.start();
    const holder = {};
    await database.lock(0, holder);
    for (const key of ['k1', 'k2', 'k3']) await small.put('b', key);
    await small.put('a', 'k1');
    await small.ask('a', [{ type: 'mark', at: 4 }]).done;
    database.unlock(holder);
    await clock.advance(10_000);
    expect(table.of('a').size).to.equal(1);
    expect(table.marks.get('a')).to.equal(4);
  });

  it('writes marks also while more events wait than one transaction takes', async () => {
    const small = createNode(createWorld(), { options: { flushEvents: 1, flushIntervalMs: 100 } });
    const { clock, table, database } = small.world;
    await small.start();
    await small.put('a', 'k1');
    await clock.advance(300);
    const holder = {};
    await database.lock(0, holder);
    await small.put('b', 'k0');
    await small.ask('a', [{ type: 'mark', at: 4 }]).done;
    for (let n = 1; n < 10; n++) await small.put('b', `k${n}`);
    database.unlock(holder);
    await clock.advance(300);
    expect(table.of('b').size).to.be.lessThan(10);
    expect(table.marks.get('a')).to.equal(4);
  });

  it('refuses stored commands while a transaction hangs', async () => {
    await node.put('a', 'k1');
    await world.clock.advance(100);
    await world.database.lock(0, {});
    await node.put('a', 'k2');
    await world.clock.advance(4000);
    expect(node.host.stats().flushFailing).to.equal(false);
    await world.clock.advance(2000);
    expect(codeOf(await node.put('a', 'k3', { stored: true }))).to.equal('unavailable');
    expect(node.host.stats().flushFailing).to.equal(true);
    expect(seqOf(await node.put('a', 'k4'))).to.equal(3);
  });

  it('of one lane that fails holds nobody back whose shard is of another', async () => {
    const two = createNode(createWorld(), {
      shards: 2,
      options: { lanes: 2 },
      step: async (statement) => {
        if (failing && statement === 'project') throw new Error('a mistake in SQL');
      },
    });
    let failing = false;
    await two.start();
    const [even, odd] = ['a', 'b', 'c', 'd', 'e']
      .sort((one, other) => shardOf('ledger', one, 2) - shardOf('ledger', other, 2))
      .filter((_, index) => index === 0 || index === 4) as [string, string];
    failing = true;
    await two.put(even, 'k1');
    await two.world.clock.advance(100);
    failing = false;
    expect(codeOf(await two.put(even, 'k2', { stored: true }))).to.equal('unavailable');
    const stored = two.ask(odd, [{ type: 'put', by: 'ann', key: 'k1', stored: true }]);
    await two.world.clock.advance(10);
    expect(stored.results?.map(seqOf)).to.deep.equal([1]);
  });

  it('begins no transaction where there is nothing to write', async () => {
    let begun = 0;
    const idle = createNode(createWorld(), {
      step: async (statement) => {
        if (statement === 'begin') begun++;
      },
    });
    await idle.start();
    await idle.world.clock.advance(1000);
    const before = begun;
    idle.journal.hold();
    idle.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    await settled();
    void idle.host.drain(1000);
    await idle.world.clock.advance(2000);
    expect(begun).to.equal(before);
  });

  it('tells what it does, and of a failure once in the log', async () => {
    fails.set('begin', 5);
    node.ask('a', [{ type: 'put', by: 'ann', key: 'k1', stored: true }]);
    await world.clock.advance(10_000);
    expect(node.observed).to.include.members(['loaded ledger', 'stored', 'flush 1']);
    expect(node.observed.filter((one) => one === 'flush failed')).to.have.length(5);
    expect(node.logs.filter((line) => line.includes('flush lane'))).to.have.length(1);
  });

  it('goes on when a kind fails to take note of what was flushed: that actor is loaded anew', async () => {
    await node.put('a', 'unflushable');
    const stored = node.ask('b', [{ type: 'put', by: 'ann', key: 'k1', stored: true }]);
    await world.clock.advance(1000);
    expect(stored.results?.map(seqOf)).to.deep.equal([1]);
    const { loads } = world.table;
    expect(seqOf(await node.put('a', 'k2'))).to.equal(2);
    expect(world.table.loads).to.equal(loads + 1);
    await world.clock.advance(1000);
    expect(node.host.stats().unflushedEvents).to.equal(0);
  });
});

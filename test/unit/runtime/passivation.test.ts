import { expect } from 'chai';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  type NodeOptions,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';

describe('passivation', () => {
  let world: World;
  let node: Node;
  let away: boolean;
  /** A read of rows waits for `go`. */
  let holding: boolean;
  let go: () => void;

  async function start(options: NodeOptions['options'] = {}): Promise<void> {
    away = false;
    holding = false;
    world = createWorld();
    node = createNode(world, {
      options: { activations: 3, idleMs: 10_000, flushIntervalMs: 10, ...options },
      step: async (statement) => {
        if (away && statement === 'begin') throw new Error('PostgreSQL is away');
        if (holding && statement === 'fetch') await new Promise<void>((resolve) => (go = resolve));
      },
    });
    await node.start();
  }

  beforeEach(() => start());

  const actors = () => node.host.stats().actors.ledger;

  it('lets an actor leave memory only when PostgreSQL has all of it', async () => {
    away = true;
    await node.put('a', 'k1');
    await world.clock.advance(60_000);
    expect(actors()).to.equal(1);
    away = false;
    await world.clock.advance(60_000);
    expect(actors()).to.equal(0);
    expect(seqOf(await node.put('a', 'k2'))).to.equal(2);
  });

  it('keeps an actor while a mark of it is not written', async () => {
    await node.put('a', 'k1');
    await world.clock.advance(100);
    away = true;
    await node.ask('a', [{ type: 'mark', at: 7 }]).done;
    await world.clock.advance(60_000);
    expect(actors()).to.equal(1);
    away = false;
    await world.clock.advance(60_000);
    expect(world.table.marks.get('a')).to.equal(7);
    expect(actors()).to.equal(0);
  });

  it('keeps an actor while something of its turns is still at the gate', async () => {
    world = createWorld(false);
    node = createNode(world, { options: { idleMs: 10_000, refenceMs: 600_000 } });
    await node.start();
    await node.put('a', 'k1');
    await world.clock.advance(5000);
    // The mark has been made, and waits for the journal's word that the shard is ours.
    node.journal.beforeNewest = () => new Promise((resolve) => (go = resolve));
    const marked = node.ask('a', [{ type: 'mark', at: 7 }], 600_000);
    await world.clock.advance(60_000);
    expect(actors()).to.equal(1);
    go();
    await world.clock.advance(100);
    expect(marked.results).to.deep.equal([{ reply: { marked: 7 } }]);
    await world.clock.advance(60_000);
    expect(actors()).to.equal(0);
    expect(world.table.marks.get('a')).to.equal(7);
  });

  it('keeps an actor while a command of it waits for rows', async () => {
    holding = true;
    await node.ask('a', [{ type: 'head' }]).done;
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'old', lookup: true }], 600_000);
    await world.clock.advance(60_000);
    expect(actors()).to.equal(1);
    go();
    await world.clock.advance(100);
    expect(asked.results?.map(seqOf)).to.deep.equal([1]);
    await world.clock.advance(60_000);
    expect(actors()).to.equal(0);
  });

  it('keeps an actor that was used lately', async () => {
    for (let n = 0; n < 10; n++) {
      await node.ask('a', [{ type: 'head' }]).done;
      await world.clock.advance(9000);
    }
    expect(world.table.loads).to.equal(1);
    await world.clock.advance(10_000);
    expect(actors()).to.equal(0);
  });

  it('lets the one go that was not used for longest, not the one that came first', async () => {
    for (const id of ['a', 'b', 'c', 'a', 'd', 'a']) {
      await node.put(id, `${id} ${world.clock.now()}`);
      await world.clock.advance(2000);
    }
    expect(world.table.loads).to.equal(4);
    await node.put('b', 'k2');
    expect(world.table.loads).to.equal(5);
  });

  it('makes room by letting the oldest idle actor go, and refuses where none may leave', async () => {
    for (const id of ['a', 'b', 'c']) {
      await node.put(id, 'k1');
      await world.clock.advance(1000);
    }
    away = true;
    await node.put('a', 'k2');
    expect(seqOf(await node.put('d', 'k1'))).to.equal(1);
    expect(seqOf(await node.put('e', 'k1'))).to.equal(1);
    expect(codeOf(await node.put('f', 'k1'))).to.equal('unavailable');
    const { loads } = world.table;
    await node.put('a', 'k3');
    expect(world.table.loads).to.equal(loads);
    await world.clock.advance(2000);
    await node.put('b', 'k2');
    await node.put('c', 'k2');
    expect(world.table.loads, 'b and c had left').to.equal(loads);
  });

  it('finds the ones that may leave behind however many old ones that may not', async () => {
    await start({ activations: 3000, idleMs: 10 ** 9, unflushedBytes: 10 ** 9 });
    away = true;
    for (let n = 0; n < 2900; n++) await node.put(`busy ${n}`, 'k1');
    await world.clock.advance(10_000);
    for (let n = 0; n < 100; n++) await node.ask(`idle ${n}`, [{ type: 'head' }]).done;
    let refused = 0;
    for (let n = 0; n < 100; n++) {
      const [result] = await node.ask(`new ${n}`, [{ type: 'head' }]).done;
      if (codeOf(result) !== undefined) refused++;
    }
    expect(refused).to.be.lessThan(5);
    expect(actors()).to.equal(3000);
  });

  it('counts an actor out when its shard is lost', async () => {
    for (const id of ['a', 'b', 'c']) await node.put(id, 'k1');
    const row = world.database.checkpoints.get(0);
    if (row !== undefined) row.epoch += 5;
    await world.clock.advance(100);
    expect(actors()).to.equal(0);
    expect(node.logs.join()).to.include('checkpoint row');
  });
});

describe('a wake-up', () => {
  async function woken(node: Node, id: string): Promise<unknown> {
    const [result] = await node.ask(id, [{ type: 'woken' }]).done;
    return result !== undefined && 'reply' in result && (result.reply as { woken: number }).woken;
  }

  it('comes once, at the last time that was asked for', async () => {
    const world = createWorld();
    const node = createNode(world);
    await node.start();
    const now = world.clock.now();
    await node.ask('a', [
      { type: 'alarm', at: now + 1000 },
      { type: 'alarm', at: now + 2000 },
    ]).done;
    await world.clock.advance(1500);
    expect(await woken(node, 'a')).to.equal(0);
    await world.clock.advance(1000);
    expect(await woken(node, 'a')).to.equal(1);
  });

  it('does not come to an actor that has left, nor to the one that took its place', async () => {
    const world = createWorld();
    const node = createNode(world, { options: { idleMs: 1000, sweepMs: 500 } });
    await node.start();
    await node.ask('a', [{ type: 'alarm', at: world.clock.now() + 10_000 }]).done;
    await world.clock.advance(5000);
    expect(node.host.stats().actors).to.deep.equal({ ledger: 0 });
    await node.ask('a', [{ type: 'head' }]).done;
    await world.clock.advance(500);
    for (let n = 0; n < 20; n++) {
      await world.clock.advance(400);
      expect(await woken(node, 'a')).to.equal(0);
    }
  });

  it('leaves no timer behind when its actor leaves', async () => {
    const world = createWorld();
    const node = createNode(world, { options: { idleMs: 1000, sweepMs: 500 } });
    await node.start();
    const open = new Set<number>();
    const { after } = world.clock;
    world.clock.after = (ms, task) => {
      open.add(ms);
      const cancel = after.call(world.clock, ms, task);
      return () => {
        open.delete(ms);
        cancel();
      };
    };
    await node.ask('a', [{ type: 'alarm', at: world.clock.now() + 123_456 }]).done;
    expect([...open]).to.include(123_456);
    await world.clock.advance(5000);
    expect([...open]).not.to.include(123_456);
  });

  it('that finds no room comes again', async () => {
    const world = createWorld();
    const node = createNode(world, { options: { shardQueue: 1 } });
    await node.start();
    await node.ask('a', [{ type: 'alarm', at: world.clock.now() + 1000 }]).done;
    node.journal.hold();
    node.ask('b', [{ type: 'put', by: 'ann', key: 'k1' }]);
    await world.clock.advance(1500);
    await node.journal.release();
    expect(await woken(node, 'a')).to.equal(0);
    await world.clock.advance(1000);
    expect(await woken(node, 'a')).to.equal(1);
  });
});

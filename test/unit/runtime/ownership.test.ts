import { expect } from 'chai';
import { JournalError } from '../../../actors/journal/journal.ts';
import {
  codeOf,
  createNode,
  createWorld,
  type NodeOptions,
  records,
  seqOf,
  startNode,
  view,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

describe('ownership of a shard', () => {
  let world: World;

  beforeEach(() => {
    world = createWorld(false);
  });

  const started = (node: string, options?: NodeOptions) => startNode(world, node, options);

  it('begins with a claim of a greater epoch, that names the record before it', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    const two = await started('n2');
    await world.clock.advance(2000);
    await two.put('a', 'k2');
    expect(records(world).map(({ type, epoch, node }) => `${type} ${epoch} ${node}`)).to.deep.equal([
      'claim 1 n1',
      'batch 1 n1',
      'claim 2 n2',
      'batch 2 n2',
    ]);
    const positions = [0, ...world.memory.records(0).map((record) => record.position)];
    expect(records(world).map((record) => record.previous)).to.deep.equal(positions.slice(0, -1));
  });

  it('is lost by the first append that is refused: moved, and nothing of the state survives', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    const two = await started('n2');
    await world.clock.advance(500);
    expect(codeOf(await one.put('a', 'zombie'))).to.equal('actor_moved');
    await world.clock.advance(600);
    expect(seqOf(await two.put('a', 'k2'))).to.equal(2);
    expect(records(world).flatMap((record) => record.events)).to.have.length(2);
    expect(one.host.stats().actors).to.deep.equal({ ledger: 0 });
  });

  it('is checked before a read when it was not confirmed for a second', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    await started('n2');
    await world.clock.advance(3000);
    const [stale] = await one.ask('a', [{ type: 'head' }]).done;
    expect(codeOf(stale)).to.equal('actor_moved');
  });

  it('is checked once for all reads that wait', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    await world.clock.advance(3000);
    let asked = 0;
    const { newest } = one.journal;
    one.journal.newest = (shard) => {
      asked++;
      return newest.call(one.journal, shard);
    };
    await Promise.all(Array.from({ length: 50 }, () => one.ask('a', [{ type: 'head' }]).done));
    await one.ask('a', [{ type: 'head' }]).done;
    expect(asked).to.equal(1);
  });

  it('is checked again for a read that came long after the check under way had begun', async () => {
    const one = await started('n1');
    await world.clock.advance(5000);
    let go = () => {};
    const { newest } = one.journal;
    one.journal.newest = async (shard) => {
      const record = await newest.call(one.journal, shard);
      one.journal.newest = newest;
      await new Promise<void>((resolve) => (go = resolve));
      return record;
    };
    const peek = () =>
      one.host.peek({ kind: 'ledger', id: 'a', command: { type: 'head' }, budgetMs: 60_000 });
    const early = peek();
    await settled();
    const two = await started('n2');
    await world.clock.advance(2000);
    await two.put('a', 'k1');
    const late = peek();
    go();
    expect(await early).to.equal(undefined);
    expect(codeOf(await late)).to.equal('actor_moved');
  });

  it('waits out the fenced reads of an owner that did not release', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    const two = await started('n2');
    const asked = two.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]);
    await world.clock.advance(900);
    expect(asked.results).to.equal(undefined);
    await world.clock.advance(200);
    expect(asked.results?.map(seqOf)).to.deep.equal([2]);
  });

  it('passes at once after a release, with everything flushed', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    const drained = one.host.drain(1000);
    await world.clock.advance(50);
    await drained;
    expect(records(world).at(-1)?.type).to.equal('release');
    expect(world.table.of('a').get(1)).to.equal('k1');
    const two = await started('n2');
    const asked = two.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]);
    await world.clock.advance(0);
    expect(asked.results?.map(seqOf)).to.deep.equal([2]);
  });

  it('is released unflushed when PostgreSQL is away, and the tail is the next owner’s', async () => {
    const away = { now: false };
    const one = await started('n1', {
      step: async (statement) => {
        if (away.now && statement === 'begin') throw new Error('connection lost');
      },
    });
    await one.put('a', 'k0');
    await world.clock.advance(100);
    away.now = true;
    await one.put('a', 'k1');
    const drained = one.host.drain(1000);
    await world.clock.advance(2000);
    await drained;
    expect(world.table.of('a').has(2)).to.equal(false);
    const two = await started('n2');
    two.listen('a');
    await world.clock.advance(100);
    expect(world.table.of('a').get(2)).to.equal('k1');
    expect(seqOf(await two.put('a', 'k2'))).to.equal(3);
  });

  it('publishes the frames of a replayed tail again, and flushes it before it serves', async () => {
    const one = await started('n1');
    await one.ask('a', [{ type: 'head' }]).done;
    one.store.end();
    await one.put('a', 'k1');
    await one.put('a', 'k2');
    const two = createNode(world, { node: 'n2', placement: view('n2', ['n2']) });
    two.listen('a');
    await two.start();
    await world.clock.advance(2000);
    expect(
      two.frames.filter((frame) => frame.subject === 'ledger.a').map((frame) => frame.seq),
    ).to.deep.equal([1, 2]);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2']);
  });

  it('is not taken from a node that is live in one’s own view: that node is asked to release', async () => {
    const one = await started('n1');
    const placement = view('n2', ['n1', 'n2']);
    const two = createNode(world, { node: 'n2', placement });
    await two.start();
    await world.clock.advance(200);
    expect(placement.asked).to.include('n1');
    expect(records(world)).to.have.length(1);
    expect(seqOf(await one.put('a', 'k1'))).to.equal(1);
  });

  it('goes to exactly one of two nodes that claim at once', async () => {
    const one = createNode(world, { node: 'n1', placement: view('n1', ['n1']) });
    const two = createNode(world, { node: 'n2', placement: view('n2', ['n2']) });
    await Promise.all([one.start(), two.start()]);
    expect(records(world).filter((record) => record.type === 'claim')).to.have.length(1);
    expect([one, two].map((node) => node.host.stats().shards.serving)).to.have.members([0, 1]);
  });

  it('is left alone for three seconds by a node that was fenced', async () => {
    const one = await started('n1');
    await started('n2');
    await one.put('a', 'zombie');
    await world.clock.advance(2800);
    expect(records(world)).to.have.length(2);
    await world.clock.advance(400);
    expect(records(world).at(-1)).to.include({ type: 'claim', node: 'n1', epoch: 3 });
  });

  it('is never claimed twice with one message id', async () => {
    const one = await started('n1');
    await started('n2');
    await one.put('a', 'zombie');
    await world.clock.advance(10_000);
    const ids = one.journal.appends.map((append) => append.messageId);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('comes after a claim of unknown outcome that was kept, once', async () => {
    const node = createNode(world, { node: 'n1', placement: view('n1', ['n1']) });
    let faults = 1;
    node.journal.after = async () => {
      if (faults-- > 0) throw new JournalError('in_doubt', 'no answer');
    };
    await node.start();
    await world.clock.advance(2000);
    expect(seqOf(await node.put('a', 'k1'))).to.equal(1);
    expect(records(world).map((record) => record.type)).to.deep.equal(['claim', 'batch']);
  });

  it('lets commands wait while it is being claimed, and refuses them when that takes too long', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    const two = createNode(world, { node: 'n2', placement: view('n2', ['n2']) });
    void two.start();
    await settled();
    const short = two.ask('a', [{ type: 'head' }], 500);
    const long = two.ask('a', [{ type: 'head' }], 5000);
    await world.clock.advance(1500);
    expect(short.results?.map(codeOf)).to.deep.equal(['unavailable']);
    expect(long.results).to.deep.equal([{ reply: { head: 1, marked: 0 } }]);
  });
});

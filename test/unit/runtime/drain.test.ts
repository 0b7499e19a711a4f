import { expect } from 'chai';
import { JournalError } from '../../../actors/journal/journal.ts';
import {
  codeOf,
  createNode,
  createWorld,
  records,
  seqOf,
  view,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

describe('a drain', () => {
  let world: World;
  /** Statements that fail, and those that wait for `go`. */
  let failing: Set<string>;
  let holding: Map<string, (() => void)[]>;

  beforeEach(() => {
    world = createWorld(false);
    failing = new Set();
    holding = new Map();
  });

  async function started() {
    const node = createNode(world, {
      step: async (statement) => {
        if (failing.has(statement)) throw new Error(`connection lost at ${statement}`);
        const held = holding.get(statement);
        if (held !== undefined) await new Promise<void>((go) => held.push(go));
      },
    });
    await node.start();
    return node;
  }

  function last(): string | undefined {
    return records(world).at(-1)?.type;
  }

  it('finishes the batch in hand, answers it, flushes it and its marks, and writes a release record', async () => {
    const node = await started();
    await node.put('a', 'k0');
    node.journal.hold();
    const asked = node.ask('a', [
      { type: 'put', by: 'ann', key: 'k1' },
      { type: 'mark', at: 1 },
    ]);
    await settled();
    const drained = node.host.drain(1000);
    const after = node.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]);
    await settled();
    expect(after.results?.map(codeOf)).to.deep.equal(['actor_moved']);
    await node.journal.release();
    await world.clock.advance(400);
    await drained;
    expect(asked.results?.map(seqOf)).to.deep.equal([2, undefined]);
    expect([...world.table.of('a').values()]).to.deep.equal(['k0', 'k1']);
    expect(world.table.marks.get('a')).to.equal(1);
    expect(last()).to.equal('release');
  });

  it('waits for a stuck flush for half of its time only, and then releases unflushed', async () => {
    const node = await started();
    await node.put('a', 'k0');
    await world.clock.advance(100);
    holding.set('commit', []);
    const stored = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1', stored: true }], 60_000);
    await world.clock.advance(100);
    let over = false;
    void node.host.drain(1000).then(() => (over = true));
    await world.clock.advance(499);
    expect(over).to.equal(false);
    await world.clock.advance(10);
    expect(over).to.equal(true);
    expect(last()).to.equal('release');
    // Done, and the next owner flushes it; only when is not known here.
    expect(stored.results?.map(codeOf)).to.deep.equal(['timeout']);
    for (const go of holding.get('commit') ?? []) go();
    await settled();
    expect(node.host.stats()).to.include({ unflushedBytes: 0, unflushedEvents: 0 });
  });

  it('writes no release record over an append whose outcome nobody knows', async () => {
    const node = await started();
    node.journal.before = async (append) => {
      if (!append.reserved) throw new JournalError('in_doubt', 'no answer');
    };
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }], 60_000);
    await settled();
    void node.host.drain(1000);
    await world.clock.advance(3000);
    expect(asked.results?.map(codeOf)).to.deep.equal(['timeout']);
    expect(last()).to.equal('claim');
  });

  it('gives the release record its time, and no more', async () => {
    const node = await started();
    node.journal.before = async () => {
      throw new JournalError('in_doubt', 'no answer');
    };
    let over = false;
    void node.host.drain(1000).then(() => (over = true));
    await world.clock.advance(800);
    expect(over).to.equal(true);
  });

  it('releases a shard whose claim was under way', async () => {
    const node = createNode(world, {});
    let go = () => {};
    node.journal.after = () => new Promise((resolve) => (go = resolve));
    void node.host.start();
    await settled();
    expect(last()).to.equal('claim');
    const drained = node.host.drain(1000);
    node.journal.after = async () => {};
    go();
    await world.clock.advance(10);
    await drained;
    expect(last()).to.equal('release');
  });

  it('releases a shard whose tail was being replayed, and leaves the rest of it to the next owner', async () => {
    const one = await started();
    failing.add('begin');
    await one.put('a', 'k1');
    await one.put('a', 'k2');
    const two = createNode(world, {
      node: 'n2',
      placement: view('n2', ['n2']),
      step: async (statement) => {
        if (statement === 'begin') throw new Error('connection lost');
      },
    });
    void two.host.start();
    await world.clock.advance(2000);
    expect(two.host.stats().shards).to.include({ replaying: 1 });
    const drained = two.host.drain(1000);
    await world.clock.advance(600);
    await drained;
    expect(last()).to.equal('release');
    const three = createNode(world, { node: 'n3' });
    await three.start();
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2']);
  });

  it('waits for a release that was under way already', async () => {
    const owners = { now: 'n1' };
    const node = createNode(world, {
      placement: { owner: () => owners.now, isLive: () => true, askRelease: () => {} },
    });
    await node.start();
    await node.put('a', 'k1');
    owners.now = 'n2';
    let go = () => {};
    node.journal.before = (append) =>
      append.reserved ? new Promise((resolve) => (go = resolve)) : Promise.resolve();
    void node.host.release(0);
    await world.clock.advance(100);
    let over = false;
    void node.host.drain(1000).then(() => (over = true));
    await world.clock.advance(10);
    expect(over).to.equal(false);
    go();
    await world.clock.advance(10);
    expect(over).to.equal(true);
    expect(records(world).filter(({ type }) => type === 'release')).to.have.length(1);
  });
});

import { expect } from 'chai';
import { shardOf } from '../../../actors/client/shard-of.ts';
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
    // The pauses before it is asked again have grown longer than the drain.
    await world.clock.advance(10_000);
    const drained = node.host.drain(1000);
    await world.clock.advance(1000);
    await drained;
    expect(asked.results).to.deep.equal([{ refusal: { code: 'timeout', reason: 'journal' } }]);
    expect(last()).to.equal('claim');
  });

  it('releases a shard over a batch that a full journal has never taken: that was not done', async () => {
    const node = await started();
    node.journal.before = async (append) => {
      if (!append.reserved) throw new JournalError('full', 'full');
    };
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }], 60_000);
    await settled();
    const drained = node.host.drain(1000);
    await world.clock.advance(1000);
    await drained;
    expect(asked.results?.map(codeOf)).to.deep.equal(['actor_moved']);
    expect(last()).to.equal('release');
  });

  it('flushes at once, whatever the pause between two flushes', async () => {
    const node = createNode(world, { options: { flushIntervalMs: 60_000 } });
    await node.start();
    world.table.of('a').set(1, 'k1');
    await node.ask('a', [{ type: 'mark', at: 1 }]).done;
    const drained = node.host.drain(1000);
    await world.clock.advance(100);
    await drained;
    expect(world.table.marks.get('a')).to.equal(1);
  });

  it('waits for the marks that a flush under way has taken, and writes them where it fails', async () => {
    const node = createNode(world, {
      options: { flushIntervalMs: 0 },
      step: async (statement) => {
        if (statement !== 'commit' || holding.size === 0) return;
        const held = holding.get(statement) ?? [];
        await new Promise<void>((go) => held.push(go));
        throw new Error('connection lost at commit');
      },
    });
    await node.start();
    world.table.of('a').set(1, 'k1');
    holding.set('commit', []);
    await node.ask('a', [{ type: 'mark', at: 1 }]).done;
    await world.clock.advance(10);
    const [go] = holding.get('commit') ?? [];
    expect(go).to.be.a('function');
    const drained = node.host.drain(4000);
    await world.clock.advance(100);
    expect(last()).not.to.equal('release');
    holding.delete('commit');
    go?.();
    await world.clock.advance(1000);
    await drained;
    expect(world.table.marks.get('a')).to.equal(1);
    expect(last()).to.equal('release');
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

  it('waits for room in a full journal for its release record', async () => {
    const node = await started();
    await node.put('a', 'k1');
    let full = true;
    node.journal.before = async () => {
      if (full) throw new JournalError('full', 'full');
    };
    void node.host.drain(1000);
    await world.clock.advance(100);
    full = false;
    await world.clock.advance(900);
    expect(last()).to.equal('release');
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

  it('refuses commands of a shard that comes late, and releases it with the others', async () => {
    const claims: (() => void)[] = [];
    const node = createNode(world, {
      shards: 2,
      step: async (statement) => {
        if (statement === 'claim') await new Promise<void>((go) => claims.push(go));
      },
    });
    void node.host.start();
    await settled();
    expect(claims).to.have.length(2);
    let over = false;
    void node.host.drain(1000).then(() => (over = true));
    claims[0]?.();
    await settled();
    expect(node.host.stats().shards).to.include({ serving: 1 });
    const [id] = ['a', 'b', 'c', 'd', 'e'].filter((one) => shardOf('ledger', one, 2) === 0);
    const asked = node.ask(id as string, [{ type: 'put', by: 'ann', key: 'k1' }]);
    await settled();
    expect(asked.results?.map(codeOf)).to.deep.equal(['actor_moved']);
    claims[1]?.();
    await world.clock.advance(100);
    expect(over).to.equal(true);
    expect([0, 1].map((shard) => records(world, shard).at(-1)?.type)).to.deep.equal(['release', 'release']);
  });

  it('answers also who waits for an append that nobody answers, when its time is up', async () => {
    const node = await started();
    node.journal.hold();
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }], 600_000);
    await settled();
    const drained = node.host.drain(1000);
    await world.clock.advance(499);
    expect(asked.results).to.equal(undefined);
    await world.clock.advance(501);
    await drained;
    expect(asked.results?.map(codeOf)).to.deep.equal(['timeout']);
  });

  for (const answers of [true, false])
    it(`hurries a release that was under way, while the journal ${answers ? 'answers' : 'does not answer'}`, async () => {
      const owners = { now: 'n1' };
      const node = createNode(world, {
        placement: { owner: () => owners.now, isLive: () => true, askRelease: () => {} },
        step: (statement) =>
          statement === 'begin' && owners.now === 'n2' ? new Promise(() => {}) : Promise.resolve(),
      });
      await node.start();
      owners.now = 'n2';
      await node.put('a', 'k1');
      node.journal.before = async () => {
        if (!answers) throw new JournalError('in_doubt', 'no answer');
      };
      void node.host.release(0);
      await world.clock.advance(100);
      let over = false;
      void node.host.drain(1000).then(() => (over = true));
      await world.clock.advance(800);
      expect(over).to.equal(true);
      expect(last()).to.equal(answers ? 'release' : 'batch');
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

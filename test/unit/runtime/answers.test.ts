import { expect } from 'chai';
import { JournalError } from '../../../actors/journal/journal.ts';
import {
  codeOf,
  createNode,
  createWorld,
  type NodeOptions,
  seqOf,
  view,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

/** Every command gets exactly one result, in time, that says no more and no less than is known. */
describe('an answer', () => {
  let world: World;

  /** Statements that never end. */
  let hanging: Set<string>;

  beforeEach(() => {
    hanging = new Set();
  });

  async function started(options: NodeOptions = {}) {
    world = createWorld(false);
    const node = createNode(world, {
      step: (statement) => (hanging.has(statement) ? new Promise(() => {}) : Promise.resolve()),
      ...options,
    });
    await node.start();
    return node;
  }

  it('is `not done` in time where loading hangs', async () => {
    const node = await started();
    hanging.add('load');
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }], 1000);
    // A deadline may come early by less than its slice of 16 ms.
    await world.clock.advance(984);
    expect(asked.results).to.equal(undefined);
    await world.clock.advance(16);
    expect(asked.results?.map(codeOf)).to.deep.equal(['unavailable']);
  });

  it('is `not done` in time where rows that it needs hang, and for those behind it', async () => {
    const node = await started();
    hanging.add('fetch');
    const asked = node.ask(
      'a',
      [
        { type: 'put', by: 'ann', key: 'old', lookup: true },
        { type: 'put', by: 'ann', key: 'k1' },
        { type: 'put', by: 'bob', key: 'k2' },
      ],
      1000,
    );
    await world.clock.advance(1000);
    expect(asked.results?.map(codeOf)).to.deep.equal(['unavailable', 'unavailable', undefined]);
  });

  it('is given for what was done also when another command of the same call hangs', async () => {
    const node = await started();
    hanging.add('begin');
    const asked = node.ask(
      'a',
      [
        { type: 'put', by: 'ann', key: 'k1' },
        { type: 'put', by: 'ann', key: 'k2', stored: true },
      ],
      1000,
    );
    await world.clock.advance(1000);
    expect(asked.results?.map(seqOf)).to.deep.equal([1, undefined]);
    expect(asked.results?.map(codeOf)).to.deep.equal([undefined, 'timeout']);
  });

  it('drops what was not done in time: its place in the queue is free again', async () => {
    let go = () => {};
    const node = await started({
      options: { actorQueue: 3 },
      step: (statement) =>
        statement === 'load' ? new Promise((resolve) => (go = resolve)) : Promise.resolve(),
    });
    const late = node.ask(
      'a',
      [{ type: 'head' }, { type: 'head' }, { type: 'put', by: 'ann', key: 'k1' }],
      100,
    );
    await world.clock.advance(100);
    expect(late.results?.map(codeOf)).to.deep.equal(['unavailable', 'unavailable', 'unavailable']);
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]);
    go();
    await settled();
    expect(asked.results?.map(seqOf)).to.deep.equal([1]);
  });

  for (const kept of [true, false])
    it(`comes from the append in flight when the shard is lost meanwhile: ${kept ? 'done' : 'moved'}`, async () => {
      const node = await started();
      await node.put('a', 'k1');
      let go = () => {};
      if (kept) node.journal.after = () => new Promise((resolve) => (go = resolve));
      else node.journal.hold();
      const written = node.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]);
      await settled();
      const stored = node.ask('a', [{ type: 'put', by: 'ann', key: 'k2', stored: true }]);
      const read = node.ask('a', [{ type: 'head' }]);
      await settled();
      const next = node.ask('b', [{ type: 'put', by: 'ann', key: 'k1' }]);
      const two = createNode(world, {
        node: 'n2',
        placement: view('n2', ['n2']),
      });
      await two.start();
      // A read of another actor finds out.
      await world.clock.advance(1500);
      await node.ask('c', [{ type: 'head' }]).done;
      expect(next.results?.map(codeOf)).to.deep.equal(['actor_moved']);
      expect(written.results).to.equal(undefined);
      go();
      await node.journal.release();
      await settled();
      expect(written.results?.map(codeOf)).to.deep.equal([kept ? undefined : 'actor_moved']);
      expect(read.results?.map(codeOf)).to.deep.equal(['actor_moved']);
      expect(stored.results?.map(codeOf)).to.deep.equal(['actor_moved']);
      const asked = two.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]);
      await world.clock.advance(1000);
      expect(asked.results?.map(seqOf)).to.deep.equal([2]);
    });

  it('is `not done` in time also for a refusal that still waits at the gate', async () => {
    const node = await started();
    node.journal.hold();
    node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    const refused = node.ask('a', [{ type: 'refuse' }], 1000);
    await world.clock.advance(1000);
    expect(refused.results?.map(codeOf)).to.deep.equal(['unavailable']);
  });

  it('is `not done` at once where loading fails, and the next command loads anew', async () => {
    let fails = 1;
    const node = await started({
      step: async (statement) => {
        if (statement === 'load' && fails-- > 0) throw new Error('PostgreSQL is away');
      },
    });
    const refusal = { code: 'unavailable', reason: 'not_loaded', retry_after_ms: 500 };
    expect(await node.put('a', 'k1')).to.deep.equal({ refusal });
    expect(seqOf(await node.put('a', 'k1'))).to.equal(1);
  });

  it('is unknown to what waits for the flush when the shard is lost: it was done, and the next owner flushes it', async () => {
    const node = await started();
    hanging.add('begin');
    const stored = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1', stored: true }]);
    await settled();
    node.journal.before = async (append) => {
      if (!append.reserved) throw new JournalError('refused', 'another owner');
    };
    await node.put('b', 'k1');
    expect(stored.results).to.deep.equal([{ refusal: { code: 'timeout', reason: 'moved' } }]);
  });

  it('is unavailable to a mere read while the journal does not say whose the shard is; marks wait for it', async () => {
    const node = await started();
    await node.put('a', 'k1');
    await world.clock.advance(5000);
    let away = true;
    node.journal.beforeNewest = async () => {
      if (away) throw new Error('no connection');
    };
    const read = node.ask('a', [{ type: 'head' }]);
    const marked = node.ask('a', [{ type: 'mark', at: 5 }]);
    await world.clock.advance(1000);
    expect(read.results).to.deep.equal([
      { refusal: { code: 'unavailable', reason: 'journal_away', retry_after_ms: 1000 } },
    ]);
    expect(marked.results).to.equal(undefined);
    expect(node.host.stats().shards).to.include({ serving: 1 });
    away = false;
    await world.clock.advance(3000);
    expect(marked.results).to.deep.equal([{ reply: { marked: 5 } }]);
    expect(world.table.marks.get('a')).to.equal(5);
  });

  it('is refused at once where too many wait for the shard already', async () => {
    world = createWorld(false);
    const node = createNode(world, {
      options: { shardQueue: 2 },
      step: (statement) => (statement === 'checkpoint' ? new Promise(() => {}) : Promise.resolve()),
    });
    await node.start();
    const asked = [1, 2, 3].map(() => node.ask('a', [{ type: 'head' }]));
    await settled();
    expect(asked.map(({ results }) => codeOf(results?.[0]))).to.deep.equal([
      undefined,
      undefined,
      'unavailable',
    ]);
  });

  it('is refused to all that wait for a shard when it is not coming', async () => {
    const owners = { now: 'n1' };
    world = createWorld(false);
    const node = createNode(world, {
      placement: { owner: () => owners.now, isLive: () => true, askRelease: () => {} },
      step: (statement) => (statement === 'checkpoint' ? new Promise(() => {}) : Promise.resolve()),
    });
    await node.start();
    const asked = node.ask('a', [{ type: 'head' }]);
    owners.now = 'n2';
    await world.clock.advance(200);
    expect(asked.results?.map(codeOf)).to.deep.equal(['actor_moved']);
    owners.now = 'n1';
    const last = node.ask('a', [{ type: 'head' }]);
    void node.host.drain(1000);
    await settled();
    expect(last.results?.map(codeOf)).to.deep.equal(['actor_moved']);
  });

  it('to a peek comes in time, and never activates an actor', async () => {
    const node = await started();
    hanging.add('begin');
    const peek = (id: string) =>
      node.host.peek({ kind: 'ledger', id, command: { type: 'head' }, budgetMs: 1000 });
    await node.put('a', 'k1');
    expect(codeOf(await node.put('a', 'unevolvable'))).to.equal('internal');
    const behind = peek('a');
    node.journal.beforeNewest = async () => {
      throw new Error('no connection');
    };
    await world.clock.advance(2000);
    expect(codeOf(await behind)).to.equal('unavailable');
    expect(codeOf(await peek('b'))).to.equal('unavailable');
    expect(codeOf(await node.host.peek({ kind: 'none', id: 'a', command: {}, budgetMs: 10 }))).to.equal(
      'not_found',
    );
    expect(node.host.stats().actors).to.deep.equal({ ledger: 0 });
  });

  it('to a peek comes in time also while its shard is being claimed', async () => {
    world = createWorld(false);
    const node = createNode(world, {
      step: (statement) => (statement === 'checkpoint' ? new Promise(() => {}) : Promise.resolve()),
    });
    await node.start();
    const peeked = node.host.peek({ kind: 'ledger', id: 'a', command: { type: 'head' }, budgetMs: 1000 });
    let over = false;
    void peeked.then(() => (over = true));
    await world.clock.advance(999);
    expect(over).to.equal(false);
    await world.clock.advance(1);
    expect(over).to.equal(true);
    expect(codeOf(await peeked)).to.equal('unavailable');
  });

  it('to a peek is moved when the shard is lost while it waits', async () => {
    let away = false;
    const node = await started({
      step: async (statement) => {
        if (away && statement === 'begin') throw new Error('PostgreSQL is away');
      },
    });
    away = true;
    await node.put('a', 'k1');
    await node.put('a', 'unevolvable');
    const peeked = node.host.peek({ kind: 'ledger', id: 'a', command: { type: 'head' }, budgetMs: 60_000 });
    node.journal.before = async (append) => {
      if (!append.reserved) throw new JournalError('refused', 'another owner');
    };
    await node.put('b', 'k1');
    expect(codeOf(await peeked)).to.equal('actor_moved');
  });
});

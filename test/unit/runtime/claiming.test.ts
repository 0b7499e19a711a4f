import { expect } from 'chai';
import { JournalError } from '../../../actors/journal/journal.ts';
import { encodeRecord } from '../../../actors/runtime/record.ts';
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

describe('a shard on its way to its owner', () => {
  let world: World;

  beforeEach(() => {
    world = createWorld(false);
  });

  const started = (node: string, options?: NodeOptions) => startNode(world, node, options);

  it('is not ours when the record read back is another one', async () => {
    const one = createNode(world, { node: 'n1', placement: view('n1', ['n1']) });
    const two = createNode(world, { node: 'n2', placement: view('n2', ['n2']) });
    one.journal.after = async () => {
      one.journal.after = async () => {};
      await two.start();
    };
    await one.start();
    await world.clock.advance(1000);
    expect(records(world).map(({ type, node }) => `${type} ${node}`)).to.deep.equal(['claim n1', 'claim n2']);
    expect(one.host.stats().shards).to.include({ fenced: 1 });
    expect(two.host.stats().shards).to.include({ serving: 1 });
  });

  it('is not taken where a newer epoch stands in the checkpoint row', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    const row = world.database.checkpoints.get(0);
    if (row !== undefined) row.epoch = 41;
    await world.clock.advance(5000);
    expect(records(world).at(-1)).to.include({ type: 'claim', epoch: 42 });
    expect(seqOf(await one.put('a', 'k2'))).to.equal(2);
  });

  it('is claimed anew where a newer epoch came into the checkpoint row meanwhile', async () => {
    const node = createNode(world);
    const { claim } = node.store;
    node.store.claim = async (shard, journalId, epoch) => {
      node.store.claim = claim;
      world.database.checkpoints.set(shard, { journal_id: journalId, epoch: 7, position: 0 });
      return claim(shard, journalId, epoch);
    };
    await node.start();
    expect(node.host.stats().shards).to.include({ serving: 0 });
    await world.clock.advance(5000);
    expect(records(world).at(-1)).to.include({ type: 'claim', epoch: 8 });
    expect(seqOf(await node.put('a', 'k1'))).to.equal(1);
  });

  it('that is lost while its tail is replayed makes room for the next replay', async () => {
    const one = await started('n1');
    await one.ask('a', [{ type: 'head' }]).done;
    one.store.end();
    await one.put('a', 'k1');
    let go: (() => void) | undefined;
    const two = createNode(world, {
      node: 'n2',
      placement: view('n2', ['n2']),
      options: { replayShards: 1 },
      step: async (statement) => {
        if (statement === 'begin' && go === undefined) await new Promise<void>((resolve) => (go = resolve));
      },
    });
    void two.host.start();
    await world.clock.advance(2000);
    const row = world.database.checkpoints.get(0);
    if (row !== undefined) row.epoch += 1;
    go?.();
    await world.clock.advance(10_000);
    expect(two.logs.join()).to.include('checkpoint row');
    expect(seqOf(await two.put('a', 'k2'))).to.equal(2);
  });

  it('keeps an actor frozen that the owner before froze while it was being claimed', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    const two = createNode(world, { node: 'n2', placement: view('n2', ['n2']) });
    const { claim } = two.store;
    two.store.claim = async (...row) => {
      world.database.deadLetters.push({
        shard: 0,
        position: 2,
        kind: 'ledger',
        actor_id: 'a',
        event: {},
        error: 'refused',
        freezes: true,
      });
      return claim(...row);
    };
    await two.start();
    await world.clock.advance(2000);
    expect(await two.put('a', 'k2')).to.deep.equal({ refusal: { code: 'unavailable', reason: 'frozen' } });
  });

  it('is served when all of its tail is written, however many pages that has', async () => {
    const one = await started('n1');
    await one.ask('a', [{ type: 'head' }]).done;
    one.store.end();
    for (let n = 1; n <= 7; n++) await one.put('a', `k${n}`);
    const two = await started('n2', { options: { replayRecords: 2 } });
    await world.clock.advance(2000);
    expect(world.table.of('a').size).to.equal(7);
    expect(seqOf(await two.put('a', 'k8'))).to.equal(8);
  });

  it('waits out the fenced reads of the owner before from when its claim was kept, not asked for', async () => {
    const one = await started('n1');
    await one.put('a', 'k1');
    const two = createNode(world, { node: 'n2', placement: view('n2', ['n2']) });
    two.journal.before = () => new Promise((go) => void world.clock.after(800, go));
    await two.start();
    const read = two.ask('a', [{ type: 'head' }]);
    await world.clock.advance(1799);
    expect(read.results).to.equal(undefined);
    await world.clock.advance(1);
    expect(read.results).to.deep.equal([{ reply: { head: 1, marked: 0 } }]);
  });

  it('is claimed with another message id after an attempt that stayed unknown', async () => {
    const node = createNode(world);
    let away = true;
    node.journal.before = async () => {
      if (away) throw new JournalError('in_doubt', 'no answer');
    };
    await node.start();
    await world.clock.advance(31_000);
    away = false;
    await world.clock.advance(5000);
    expect(node.host.stats().shards).to.include({ serving: 1 });
    const claims = node.journal.appends.filter(({ reserved }) => reserved);
    expect(claims.length).to.be.greaterThan(10);
    expect(new Set(claims.map(({ messageId }) => messageId)).size).to.equal(2);
  });

  it('that is lost while its tail is replayed is claimed anew', async () => {
    const one = await started('n1');
    await one.ask('a', [{ type: 'head' }]).done;
    one.store.end();
    await one.put('a', 'k1');
    const holder = {};
    const two = createNode(world, { node: 'n2', placement: view('n2', ['n2']) });
    two.journal.beforeNewest = async () => {
      // The claim is read back: from here on its first flush waits for the row.
      if (records(world).at(-1)?.node === 'n2') await world.database.lock(0, holder);
      two.journal.beforeNewest = async () => {};
    };
    let started2 = false;
    void two.host.start().then(() => (started2 = true));
    await world.clock.advance(100);
    const row = world.database.checkpoints.get(0);
    if (row !== undefined) row.epoch += 1;
    world.database.unlock(holder);
    await world.clock.advance(10_000);
    expect(started2).to.equal(true);
    expect(seqOf(await two.put('a', 'k2'))).to.equal(2);
  });

  it('of one shard that comes late holds no other back', async () => {
    const placement = { ...view('n1', ['n1', 'n2']), isLive: (node: string) => node !== 'n2' || !gone };
    let gone = false;
    const two = createNode(world, { node: 'n2', shards: 2, placement: view('n2', ['n2']) });
    await two.start();
    await world.memory.append({
      shard: 0,
      messageId: 'released',
      expected: world.memory.records(0).at(-1)?.position ?? 0,
      payload: encodeRecord({
        type: 'release',
        epoch: 1,
        previous: world.memory.records(0).at(-1)?.position ?? 0,
        node: 'n2',
      }),
    });
    const one = createNode(world, {
      node: 'n1',
      shards: 2,
      placement,
      step: (statement) => (statement === 'begin' ? new Promise(() => {}) : Promise.resolve()),
    });
    void one.host.start();
    await world.clock.advance(500);
    expect(one.host.stats().shards).to.include({ replaying: 1 });
    gone = true;
    await world.clock.advance(2000);
    expect(one.host.stats().shards).to.include({ replaying: 2 });
  });

  it('that cannot be claimed is tried again and again, and told once in the log', async () => {
    let away = true;
    let tries = 0;
    const node = createNode(world, {
      step: async (statement) => {
        if (statement === 'checkpoint') tries++;
        if (away && statement === 'checkpoint') throw new Error('PostgreSQL is away');
      },
    });
    await node.start();
    await world.clock.advance(20_000);
    expect(node.logs.filter((line) => line.includes('claiming shard 0'))).to.have.length(1);
    expect(tries, 'about once a second').to.be.within(10, 21);
    away = false;
    await world.clock.advance(2000);
    expect(seqOf(await node.put('a', 'k1'))).to.equal(1);
  });

  it('is let go only where another node should have it', async () => {
    const owners = { now: 'n1' };
    const node = await started('n1', { placement: { ...view('n1', ['n1']), owner: () => owners.now } });
    expect(await node.host.release(0)).to.equal(false);
    expect(seqOf(await node.put('a', 'k1'))).to.equal(1);
    owners.now = 'n2';
    const released = node.host.release(0);
    await world.clock.advance(0);
    await world.clock.advance(100);
    expect(await released).to.equal(true);
    expect(records(world).at(-1)?.type).to.equal('release');
    expect(codeOf(await node.put('a', 'k2'))).to.equal('actor_moved');
  });
});

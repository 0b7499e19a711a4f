import { expect } from 'chai';
import { JournalError } from '../../../actors/journal/journal.ts';
import { encodeRecord } from '../../../actors/runtime/record.ts';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

describe('the output gate', () => {
  let world: World;
  let node: Node;

  beforeEach(async () => {
    world = createWorld();
    node = createNode(world);
    await node.start();
  });

  it('gives a reply only when its batch is committed', async () => {
    node.journal.hold();
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    await settled();
    expect(asked.results).to.equal(undefined);
    await node.journal.release();
    expect(seqOf(asked.results?.[0])).to.equal(1);
  });

  it('holds reads and refusals back while what they saw is uncommitted', async () => {
    await node.put('a', 'k0');
    node.journal.hold();
    node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    const read = node.ask('a', [{ type: 'head' }]);
    const refusal = node.ask('a', [{ type: 'refuse' }]);
    await settled();
    expect(read.results).to.equal(undefined);
    expect(refusal.results).to.equal(undefined);
    await node.journal.release();
    expect(read.results).to.deep.equal([{ reply: { head: 2, marked: 0 } }]);
    expect(refusal.results).to.deep.equal([{ refusal: { code: 'forbidden', reason: 'at 2' } }]);
  });

  it('lets other actors of the shard answer reads meanwhile', async () => {
    node.journal.hold();
    node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    const other = node.ask('b', [{ type: 'head' }]);
    await settled();
    expect(other.results).to.deep.equal([{ reply: { head: 0, marked: 0 } }]);
    await node.journal.release();
  });

  it('lets the next command of an actor see what is not committed yet', async () => {
    node.journal.hold();
    const asked = node.ask('a', [
      { type: 'put', by: 'ann', key: 'k1' },
      { type: 'put', by: 'ann', key: 'k2' },
      { type: 'put', by: 'ann', key: 'k1' },
    ]);
    await settled();
    await node.journal.release();
    expect(asked.results?.map(seqOf)).to.deep.equal([1, 2, 1]);
  });

  it('publishes frames after the commit, and those that wait for the flush after the flush', async () => {
    node.listen('a');
    node.journal.hold();
    node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    await settled();
    expect(node.frames).to.deep.equal([]);
    const other = {};
    await world.database.lock(0, other);
    await node.journal.release();
    expect(node.frames).to.deep.equal([{ subject: 'ledger.a', seq: 1 }]);
    world.database.unlock(other);
    await world.clock.advance(1000);
    expect(node.frames).to.deep.equal([
      { subject: 'ledger.a', seq: 1 },
      { subject: 'stored.a', seq: 1 },
    ]);
  });

  it('puts all that arrives during an append into the next one', async () => {
    node.journal.hold();
    node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    await settled();
    for (let n = 2; n <= 40; n++) node.ask(`a${n}`, [{ type: 'put', by: 'ann', key: `k${n}` }]);
    await settled();
    expect(node.journal.held).to.have.length(1);
    await node.journal.release();
    expect(node.batches).to.deep.equal([1, 39]);
  });

  it('ends a batch at its size', async () => {
    const small = createNode(createWorld(), { options: { batchBytes: 100 } });
    await small.start();
    small.journal.hold();
    const asked = small.ask(
      'a',
      Array.from({ length: 10 }, (_, n) => ({ type: 'put', by: 'ann', key: `key-${n}` })),
    );
    await settled();
    await small.journal.release();
    await settled();
    expect(asked.results?.map(seqOf)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(Math.max(...small.batches)).to.be.lessThan(4);
  });

  it('answers a stored command only when PostgreSQL has it', async () => {
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1', stored: true }]);
    const again = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1', stored: true }]);
    void asked.done.then(() => expect(world.table.of('a').get(1)).to.equal('k1'));
    void again.done.then(() => expect(world.table.of('a').get(1)).to.equal('k1'));
    await world.clock.advance(1000);
    expect(asked.results?.map(seqOf)).to.deep.equal([1]);
    expect(again.results?.map(seqOf)).to.deep.equal([1]);
  });

  it('repeats an append of unknown outcome with the same bytes and message id, and keeps it once', async () => {
    let faults = 2;
    node.journal.after = async () => {
      if (faults-- > 0) throw new JournalError('in_doubt', 'no answer');
    };
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    await world.clock.advance(2000);
    expect(asked.results?.map(seqOf)).to.deep.equal([1]);
    const tries = node.journal.appends.filter((append) => !append.reserved);
    expect(tries).to.have.length(3);
    expect(new Set(tries.map((append) => append.messageId)).size).to.equal(1);
    expect(tries.every((append) => append.payload === tries[0]?.payload)).to.equal(true);
    expect(world.memory.records(0)).to.have.length(2);
  });

  it('answers timeout, and claims anew, when an append stays unknown', async () => {
    node.journal.before = async (append) => {
      if (!append.reserved) throw new JournalError('in_doubt', 'no answer');
    };
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    await world.clock.advance(34_000);
    expect(asked.results?.map(codeOf)).to.deep.equal(['timeout']);
    node.journal.before = async () => {};
    await world.clock.advance(4000);
    expect(seqOf(await node.put('a', 'k1'))).to.equal(1);
  });

  it('waits out a full journal with the same batch and refuses new events at once meanwhile', async () => {
    let full = true;
    node.journal.before = async (append) => {
      if (full && !append.reserved) throw new JournalError('full', 'full');
    };
    const first = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }], 100_000);
    await settled();
    expect(codeOf(await node.put('a', 'k2'))).to.equal('unavailable');
    await world.clock.advance(60_000);
    expect(first.results).to.equal(undefined);
    full = false;
    await world.clock.advance(3000);
    expect(first.results?.map(seqOf)).to.deep.equal([1]);
    expect(seqOf(await node.put('a', 'k2'))).to.equal(2);
  });

  it('ends a batch at 256 KiB', async () => {
    await node.put('a', 'k0');
    const key = 'k'.repeat(100 * 1024);
    await node.ask(
      'a',
      Array.from({ length: 5 }, (_, n) => ({ type: 'put', by: 'ann', key: `${n}${key}` })),
    ).done;
    expect(node.batches).to.deep.equal([1, 2, 2, 1]);
  });

  it('takes no more events when too many bytes wait for the journal; reads go on', async () => {
    const small = createNode(createWorld(), { options: { shardQueueBytes: 100 } });
    await small.start();
    small.journal.hold();
    const puts = [1, 2, 3, 4].map((n) =>
      small.ask('a', [{ type: 'put', by: 'ann', key: `a key of some length ${n}` }]),
    );
    const read = small.ask('b', [{ type: 'head' }]);
    await settled();
    expect(puts.map(({ results }) => codeOf(results?.[0]))).to.deep.equal([
      undefined,
      undefined,
      'unavailable',
      'unavailable',
    ]);
    expect(read.results).to.deep.equal([{ reply: { head: 0, marked: 0 } }]);
    await small.journal.release();
    expect(seqOf(await small.put('a', 'k3'))).to.equal(3);
  });

  it('puts all events of one command into one batch, so that a crash keeps all of them or none', async () => {
    const small = createNode(createWorld(), { options: { batchBytes: 100 } });
    await small.start();
    small.journal.hold();
    const keys = ['one long key', 'another long key', 'a third long key'];
    const asked = small.ask('a', [
      { type: 'put', by: 'ann', key: 'first' },
      { type: 'puts', by: 'ann', keys },
    ]);
    await settled();
    await small.journal.release();
    await settled();
    expect(asked.results?.map(seqOf)).to.deep.equal([1, 4]);
    expect(small.batches).to.deep.equal([1, 3]);
  });

  it('counts a batch in bytes, not in characters', async () => {
    const small = createNode(createWorld(), { options: { batchBytes: 150 } });
    await small.start();
    small.journal.hold();
    for (let n = 0; n < 3; n++)
      small.ask(`a${n}`, [{ type: 'put', by: 'ann', key: `${n}${'я'.repeat(40)}` }]);
    await settled();
    await small.journal.release();
    await settled();
    expect(small.batches).to.deep.equal([1, 1, 1]);
  });

  it('holds a thrown refusal back too, while what it saw is uncommitted', async () => {
    node.journal.hold();
    node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    const denied = node.ask('a', [{ type: 'deny' }]);
    await settled();
    expect(denied.results).to.equal(undefined);
    await node.journal.release();
    expect(denied.results).to.deep.equal([{ refusal: { code: 'forbidden', reason: 'at 1' } }]);
  });

  it('takes no more turns when too many outputs wait at it', async () => {
    const small = createNode(createWorld(), { options: { shardQueue: 3 } });
    await small.start();
    small.journal.hold();
    small.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    const reads = Array.from({ length: 4 }, () => small.ask('a', [{ type: 'head' }]));
    await settled();
    expect(reads.map((read) => codeOf(read.results?.[0]))).to.deep.equal([
      undefined,
      undefined,
      'unavailable',
      'unavailable',
    ]);
    await small.journal.release();
    expect(reads[0]?.results).to.deep.equal([{ reply: { head: 1, marked: 0 } }]);
    expect(codeOf((await small.ask('a', [{ type: 'head' }]).done)[0])).to.equal(undefined);
  });

  it('answers everybody also when the frames of an event fail', async () => {
    const asked = node.ask('a', [
      { type: 'put', by: 'ann', key: 'k1' },
      { type: 'put', by: 'ann', key: 'unframeable' },
      { type: 'put', by: 'ann', key: 'k3' },
    ]);
    await settled();
    expect(asked.results?.map(seqOf)).to.deep.equal([1, 2, 3]);
    expect(seqOf(await node.put('a', 'k4'))).to.equal(4);
    expect(node.batches).to.deep.equal([3, 1]);
    expect(node.logs.join()).to.include('ledger/a');
  });

  describe('where the journal does not say at once whose the shard is', () => {
    const away = () => Promise.reject(new Error('no connection'));
    const here = async () => {};
    const mark = (at: number) => node.ask('a', [{ type: 'mark', at }]);

    beforeEach(async () => {
      world = createWorld(false);
      node = createNode(world);
      await node.start();
      await world.clock.advance(1000);
      await node.put('a', 'k1');
      await world.clock.advance(3000);
    });

    it('lets marks out in the order of their turns, so that the newest is written', async () => {
      for (const later of [60, 400, 1400, 1900])
        for (const answered of [20, 300, 900, 2500]) {
          node.journal.beforeNewest = away;
          const asked = [mark(1)];
          await world.clock.advance(later);
          asked.push(mark(2));
          await world.clock.advance(answered);
          expect(asked.map(({ results }) => results)).to.deep.equal([undefined, undefined]);
          node.journal.beforeNewest = here;
          await world.clock.advance(2500);
          const when = `made ${later} ms later, answered after ${answered} ms`;
          expect(
            asked.map(({ results }) => results),
            when,
          ).to.deep.equal([[{ reply: { marked: 1 } }], [{ reply: { marked: 2 } }]]);
          expect(world.table.marks.get('a'), when).to.equal(2);
          await world.clock.advance(3000);
        }
    });

    it('lets what waits leave before what is committed or confirmed after it', async () => {
      node.journal.beforeNewest = away;
      const ends: string[] = [];
      const asked = [mark(1), node.ask('a', [{ type: 'mark', at: 2 }])];
      await world.clock.advance(1000);
      asked.push(node.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]));
      for (const [n, { done }] of asked.entries()) void done.then(() => ends.push(`${n}`));
      await settled();
      expect(ends).to.deep.equal(['0', '1', '2']);
      await world.clock.advance(5000);
      expect(world.table.marks.get('a')).to.equal(2);
    });

    it('refuses mere reads at once, and what waits when the shard is lost: each ends once', async () => {
      node.journal.beforeNewest = away;
      const waiting = [mark(1), mark(2)];
      const read = node.ask('a', [{ type: 'head' }]);
      await settled();
      expect(read.results?.map(codeOf)).to.deep.equal(['unavailable']);
      expect(waiting.map(({ results }) => results)).to.deep.equal([undefined, undefined]);
      expect(node.host.stats().waiting).to.equal(0);
      await world.memory.attach().append({
        shard: 0,
        messageId: 'another',
        expected: world.memory.records(0).at(-1)?.position ?? 0,
        payload: encodeRecord({ type: 'claim', epoch: 9, previous: 0, node: 'n2', told: 0 }, []),
      });
      node.journal.beforeNewest = here;
      await world.clock.advance(2500);
      expect(waiting.map(({ results }) => results?.map(codeOf))).to.deep.equal([
        ['actor_moved'],
        ['actor_moved'],
      ]);
      await world.clock.advance(5000);
      expect(world.table.marks.get('a')).to.equal(undefined);
    });

    it('goes on taking turns of others, up to its bound, and ends all of it when it drains', async () => {
      node.journal.beforeNewest = away;
      const waiting = Array.from({ length: 50 }, (_, n) => node.ask(`a${n % 5}`, [{ type: 'mark', at: n }]));
      await world.clock.advance(1000);
      const drained = node.host.drain(1000);
      await world.clock.advance(2000);
      await drained;
      expect(new Set(waiting.map(({ results }) => codeOf(results?.[0])))).to.deep.equal(
        new Set(['actor_moved']),
      );
    });
  });
});

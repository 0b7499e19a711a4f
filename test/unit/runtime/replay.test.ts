import { expect } from 'chai';
import type { Journal } from '../../../actors/journal/journal.ts';
import { readTail } from '../../../actors/runtime/claim.ts';
import { encodeEvent, encodeRecord } from '../../../actors/runtime/record.ts';
import {
  createNode,
  createWorld,
  type NodeOptions,
  seqOf,
  view,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

describe('the replay of a tail', () => {
  let world: World;

  beforeEach(() => {
    world = createWorld(false);
  });

  function make(name: string, options: NodeOptions = {}) {
    return createNode(world, { node: name, placement: view(name, [name]), ...options });
  }

  it('begins behind the checkpoint: what is written is not told again', async () => {
    const one = make('n1');
    await one.start();
    await one.put('a', 'k1');
    await world.clock.advance(100);
    one.store.end();
    await one.put('a', 'k2');
    const two = make('n2');
    two.listen('a');
    await two.start();
    await world.clock.advance(2000);
    expect(two.frames.map(({ subject, seq }) => `${subject} ${seq}`)).to.deep.equal([
      'ledger.a 2',
      'stored.a 2',
    ]);
  });

  it('runs for a few shards at a time', async () => {
    await make('n1', { shards: 6 }).start();
    const two = make('n2', { shards: 6, options: { replayShards: 2 } });
    const { read } = two.journal;
    let open = 0;
    let most = 0;
    two.journal.read = async (...page) => {
      // A claim looks at one record.
      if (page[2] === 1) return read.apply(two.journal, page);
      most = Math.max(most, ++open);
      await settled();
      return read.apply(two.journal, page).finally(() => open--);
    };
    await two.start();
    await world.clock.advance(2000);
    expect(two.host.stats().shards).to.include({ serving: 6 });
    expect(most).to.equal(2);
  });

  for (const [size, pages] of [
    [100, [4, 64, 64]],
    [50_000, [4, 20, 20, 20, 20, 20]],
    [900_000, Array.from({ length: 26 }, () => 4)],
  ] as const)
    it(`reads about a MiB at once of records of ${size} bytes, and no page has more than 16 times the first`, async () => {
      const records = Array.from({ length: 100 }, (_, index) => ({
        position: index + 1,
        payload: encodeRecord({ type: 'batch', epoch: 1, previous: index, node: 'n1' }, [
          encodeEvent('k', 'a', JSON.stringify('x'.repeat(size))),
        ]),
      }));
      const asked: number[] = [];
      const journal = {
        async read(_: number, after: number, limit: number) {
          asked.push(limit);
          return records.slice(after, after + limit);
        },
      } as Partial<Journal> as Journal;
      const got: number[] = [];
      for await (const page of readTail(0, 0, journal, 4)) got.push(...page.map(({ position }) => position));
      expect(got).to.deep.equal(records.map(({ position }) => position));
      expect(asked).to.deep.equal(pages);
    });

  for (const ending of ['fails', 'comes'] as const)
    it(`of a lost shard does not touch its next ownership, when a page ${ending} late`, async () => {
      const one = make('n1');
      await one.start();
      await one.ask('a', [{ type: 'head' }]).done;
      one.store.end();
      await one.put('a', 'k1');
      await one.put('a', 'k2');
      let begun: (() => void) | undefined;
      const two = make('n2', {
        options: { replayRecords: 1 },
        step: async (statement) => {
          if (statement === 'begin' && begun === undefined)
            await new Promise<void>((resolve) => (begun = resolve));
        },
      });
      const { read } = two.journal;
      let end = () => {};
      let pages = 0;
      two.journal.read = async (...page) => {
        const records = await read.apply(two.journal, page);
        if (++pages === 3)
          await new Promise<void>((resolve, reject) => {
            end = () => (ending === 'comes' ? resolve() : reject(new Error('no answer')));
          });
        return records;
      };
      void two.host.start();
      await world.clock.advance(2000);
      // Its first flush finds that the row is another owner's.
      const row = world.database.checkpoints.get(0);
      if (row !== undefined) row.epoch += 1;
      begun?.();
      await world.clock.advance(10_000);
      expect(seqOf(await two.put('a', 'k3'))).to.equal(3);
      end();
      await world.clock.advance(1000);
      expect(two.host.stats()).to.deep.include({ unflushedBytes: 0, unflushedEvents: 0 });
      expect(two.host.stats().shards).to.include({ serving: 1 });
      expect(seqOf(await two.put('a', 'k4'))).to.equal(4);
    });
});

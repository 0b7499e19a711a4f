import { expect } from 'chai';
import { NotAlone } from '../../../actors/runtime/adopt.ts';
import { type Adoption, adoptShards, quietMs } from '../../../actors/runtime/adopt-shards.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { ledgerKind } from '../../support/ledger-kind.ts';
import { createMemoryFlushStore } from '../../support/memory-flush-store.ts';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

describe('shards that are adopted while their owners run', () => {
  let world: World;
  let done: Adoption[];
  let over: boolean;

  beforeEach(() => {
    world = createWorld(false);
  });

  /** As an operator's program does; what it says is in `done`. */
  async function adopt(shards: readonly number[]): Promise<void> {
    done = [];
    over = false;
    const parts = {
      node: 'operator',
      shards: 4,
      journal: world.memory.attach(),
      store: createMemoryFlushStore(world.database),
      survivors: [
        {
          kind: anyKind(ledgerKind(world.table)),
          fitting: async (_: unknown, events: readonly { event: unknown }[]) =>
            new Set(events.map(({ event }) => event)),
          async *raise() {},
        },
      ],
      clock: world.clock,
    };
    void (async () => {
      for await (const one of adoptShards(shards, parts)) done.push(one);
      over = true;
    })();
    await settled();
  }

  const lose = (shard: number, count: number) =>
    (world.memory.records(shard) as unknown[]).splice(-count, count);

  const breakRow = (shard: number) =>
    world.database.checkpoints.set(shard, { journal_id: 'another', epoch: 1, position: 1 });

  it('get what an owner whose journal was lost still has to flush', async () => {
    let away = false;
    const node: Node = createNode(world, {
      step: async (statement) => {
        if (away && statement === 'begin') throw new Error('PostgreSQL is away');
      },
    });
    await node.start();
    await node.put('a', 'k1');
    await world.clock.advance(100);
    away = true;
    expect(seqOf(await node.put('a', 'k2'))).to.equal(2);
    // The lane's pauses are long by now.
    await world.clock.advance(10_000);
    lose(0, 2);
    expect(codeOf((await node.ask('a', [{ type: 'head' }]).done)[0])).to.equal('unavailable');
    expect(node.host.stats().shards).to.include({ quarantined: 1 });
    away = false;
    await adopt([0]);
    await world.clock.advance(30_000);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2']);
    expect(done).to.deep.equal([{ shard: 0, adopted: { replayed: 0, buried: 0, unreadable: 0, raised: 0 } }]);
    expect(node.host.stats().shards).to.include({ serving: 1, quarantined: 0 });
  });

  it('are waited for together', async () => {
    const shards = [0, 1, 2, 3];
    shards.slice(1).forEach(breakRow);
    await adopt(shards);
    expect(done, 'that is whole').to.deep.equal([{ shard: 0, adopted: undefined }]);
    await world.clock.advance(quietMs - 1);
    expect(done).to.have.length(1);
    await world.clock.advance(1);
    expect(done.map(({ shard }) => shard)).to.deep.equal(shards);
    expect(over).to.equal(true);
  });

  it('are not waited for where nobody else can have the journal', async () => {
    world = createWorld(true);
    breakRow(0);
    await adopt([0]);
    expect(over).to.equal(true);
    expect(done).to.have.length(1).and.not.have.nested.property('0.error');
  });

  it('are left alone when they are written to again and again, and the others are not', async () => {
    [0, 1].forEach(breakRow);
    const move = () => {
      const row = world.database.checkpoints.get(0);
      if (row !== undefined) row.position++;
      world.clock.after(1000, move);
    };
    move();
    await adopt([0, 1]);
    await world.clock.advance(quietMs);
    expect(done.map(({ shard }) => shard)).to.deep.equal([1]);
    await world.clock.advance(quietMs * 2);
    expect(over).to.equal(true);
    const [, moving] = done;
    expect(moving).to.include({ shard: 0 });
    expect(moving && 'error' in moving && moving.error).to.be.instanceOf(NotAlone);
    expect(world.database.checkpoints.get(0)).to.include({ journal_id: 'another' });
  });

  it('are told where they could not be looked at', async () => {
    breakRow(1);
    const { memory } = world;
    world.memory = {
      ...memory,
      attach: () => ({
        ...memory.attach(),
        newest: async (shard) => {
          if (shard === 0) throw new Error('the journal is away');
          return memory.newest(shard);
        },
      }),
    };
    await adopt([0, 1]);
    await world.clock.advance(quietMs);
    expect(done.map((one) => [one.shard, 'error' in one])).to.deep.equal([
      [0, true],
      [1, false],
    ]);
  });
});

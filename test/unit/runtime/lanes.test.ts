import { expect } from 'chai';
import { shardOf } from '../../../actors/client/shard-of.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import {
  type LedgerCommand,
  type LedgerEvent,
  type LedgerState,
  ledgerKind,
} from '../../support/ledger-kind.ts';
import type { MemoryTx } from '../../support/memory-flush-store.ts';
import { createNode, createWorld } from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

describe('a lane of the flusher', () => {
  it('locks the rows of one transaction in shard order, whatever came first', async () => {
    const node = createNode(createWorld(), { shards: 8 });
    await node.start();
    const locked: number[][] = [];
    const { lock } = node.store;
    node.store.lock = (tx, shards) => {
      locked.push([...shards]);
      return lock(tx, shards);
    };
    const shard = (id: string) => shardOf('ledger', id, 8);
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].sort((one, other) => shard(other) - shard(one));
    const [first, ...rest] = ids as [string, ...string[]];
    // The first is under way until all the others wait.
    const holder = {};
    await node.world.database.lock(shard(first), holder);
    for (const id of ids) await node.put(id, 'k1');
    node.world.database.unlock(holder);
    await node.world.clock.advance(100);
    const numbers = [...new Set(rest.map(shard))].sort((one, other) => one - other);
    expect(numbers.length).to.be.greaterThan(2);
    expect(locked).to.deep.equal([[shard(first)], numbers]);
  });

  it('waits longer after each failure, up to a bound, and not at all after a success', async () => {
    let away = false;
    const begun: number[] = [];
    const node = createNode(createWorld(), {
      options: { retryMs: 100, retryMaxMs: 400, flushIntervalMs: 10 },
      step: async (statement) => {
        if (statement !== 'begin') return;
        begun.push(clock.now());
        if (away) throw new Error('PostgreSQL is away');
      },
    });
    const { clock } = node.world;
    await node.start();
    begun.splice(0);
    away = true;
    await node.put('a', 'k1');
    await settled();
    await clock.advance(1400);
    expect(begun.slice(1).map((at, index) => at - (begun[index] ?? 0))).to.deep.equal([100, 200, 400, 400]);
    away = false;
    await clock.advance(400);
    begun.splice(0);
    await node.put('a', 'k2');
    await clock.advance(10);
    expect(begun).to.have.length(1);
    away = true;
    await node.put('a', 'k3');
    await settled();
    await clock.advance(100);
    expect(begun, 'it begins anew with the shortest wait').to.have.length(3);
  });

  it('hands all events of a transaction to their kind at once, and again so after poison was found', async () => {
    const node = createNode(createWorld(), { shards: 4 });
    let savepoints = 0;
    const { savepoint } = node.store;
    node.store.savepoint = (tx, work) => {
      savepoints++;
      return savepoint(tx, work);
    };
    await node.start();
    const { clock, table, database } = node.world;
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    /** Puts one, and while that is written all the others. */
    async function write(key: string): Promise<void> {
      const holder = {};
      for (const shard of [0, 1, 2, 3]) await database.lock(shard, holder);
      for (const id of ids) await node.put(id, `${key}${id}`);
      database.unlock(holder);
      await clock.advance(100);
    }
    await write('first ');
    expect(table.projections).to.equal(2);
    await node.put('a', 'poison');
    await clock.advance(100);
    expect(table.buried).to.deep.equal(['poison']);
    const before = { savepoints, projections: table.projections };
    expect(before.savepoints).to.be.greaterThan(0);
    await write('last ');
    expect({ savepoints, projections: table.projections - 2 }).to.deep.equal(before);
  });

  it('bounds a transaction by events and by bytes', async () => {
    for (const options of [{ flushEvents: 10 }, { flushBytes: 500 }]) {
      const small = createNode(createWorld(), { options });
      const { clock, table, database } = small.world;
      await small.start();
      const holder = {};
      await database.lock(0, holder);
      for (let n = 0; n < 50; n++) await small.put('a', `key number ${n}`);
      database.unlock(holder);
      await clock.advance(5000);
      expect(table.of('a').size).to.equal(50);
      const sizes = small.observed.flatMap((one) => (one.startsWith('flush ') ? [Number(one.slice(6))] : []));
      expect(Math.max(...sizes)).to.be.within(5, 12);
    }
  });

  it('shares the bound of a transaction among its shards', async () => {
    const node = createNode(createWorld(), { shards: 2, options: { flushEvents: 10 } });
    await node.start();
    const { clock, table, database } = node.world;
    const holder = {};
    for (const shard of [0, 1]) await database.lock(shard, holder);
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (let n = 0; n < 10; n++) for (const id of ids) await node.put(id, `k${n}`);
    database.unlock(holder);
    await clock.advance(5000);
    expect(ids.map((id) => table.of(id).size)).to.deep.equal(ids.map(() => 10));
    const sizes = node.observed.flatMap((one) => (one.startsWith('flush ') ? [Number(one.slice(6))] : []));
    expect(Math.max(...sizes)).to.equal(10);
  });

  it('writes also what is greater than a transaction should be', async () => {
    const node = createNode(createWorld(), { options: { flushEvents: 2, flushBytes: 10 } });
    await node.start();
    await node.ask('a', [{ type: 'puts', by: 'ann', keys: ['k1', 'k2', 'k3'] }]).done;
    await node.world.clock.advance(1000);
    expect(node.world.table.of('a').size).to.equal(3);
  });

  it('bounds the marks of a transaction too', async () => {
    const world = createWorld();
    const ledger = ledgerKind(world.table);
    const sizes: number[] = [];
    const kind = anyKind<LedgerState, LedgerCommand, LedgerEvent, number, MemoryTx>({
      ...ledger,
      project: (tx, batch) => {
        sizes.push(batch.marks.length);
        return ledger.project(tx, batch);
      },
    });
    const node = createNode(world, { kinds: [kind], options: { flushEvents: 2 } });
    await node.start();
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const id of ids) {
      world.table.of(id).set(1, 'k1');
      await node.ask(id, [{ type: 'mark', at: 7 }]).done;
    }
    await world.clock.advance(1000);
    expect(world.table.marks.size).to.equal(5);
    expect(Math.max(...sizes)).to.equal(2);
  });

  it('that looks for poison undoes what it tried: each event is written once', async () => {
    const world = createWorld();
    const ledger = ledgerKind(world.table);
    const written: string[] = [];
    const kind = anyKind<LedgerState, LedgerCommand, LedgerEvent, number, MemoryTx>({
      ...ledger,
      project: (tx, batch) => {
        tx.later(() => void written.push(...batch.events.map(({ event }) => event.key)));
        return ledger.project(tx, batch);
      },
    });
    const node = createNode(world, { kinds: [kind] });
    await node.start();
    await node.ask('a', [{ type: 'puts', by: 'ann', keys: ['k1', 'poison 1', 'k2', 'k3'] }]).done;
    await world.clock.advance(1000);
    expect(written).to.deep.equal(['k1', 'k2', 'k3']);
    expect(world.table.buried).to.deep.equal(['poison 1']);
  });
});

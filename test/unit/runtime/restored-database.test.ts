import { expect } from 'chai';
import { shardOf } from '../../../actors/client/shard-of.ts';
import type { Checkpoint } from '../../../actors/runtime/flush-store.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import {
  type LedgerCommand,
  type LedgerEvent,
  type LedgerState,
  ledgerKind,
} from '../../support/ledger-kind.ts';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  seqOf,
  view,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

/** A copy of everything that stands in the database; the function puts it back. */
function backup({ database, table }: World): () => void {
  const checkpoints = [...database.checkpoints].map(([shard, row]) => [shard, { ...row }] as const);
  const rows = [...table.rows].map(([id, entries]) => [id, new Map(entries)] as const);
  return () => {
    database.checkpoints.clear();
    for (const [shard, row] of checkpoints) database.checkpoints.set(shard, { ...row });
    table.rows.clear();
    for (const [id, entries] of rows) table.rows.set(id, new Map(entries));
  };
}

describe('a database that was restored to an older state', () => {
  let world: World;
  let node: Node;

  async function start(options = {}): Promise<void> {
    world = createWorld();
    node = createNode(world, { options });
    await node.start();
    await node.put('a', 'k1');
    await world.clock.advance(100);
  }

  it('under a live owner gets everything again that the journal still has, when it is flushed to', async () => {
    await start({ checkpointLookMs: 1_000_000 });
    const restore = backup(world);
    await node.put('a', 'k2');
    await world.clock.advance(100);
    restore();
    expect(world.table.of('a').size).to.equal(1);
    expect(seqOf(await node.put('a', 'k3'))).to.equal(3);
    await world.clock.advance(5000);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2', 'k3']);
    expect(node.logs.join()).to.include('PostgreSQL went back');
    expect(seqOf(await node.put('a', 'k4'))).to.equal(4);
  });

  it('is not trimmed past where the journal is full before that is noticed', async () => {
    world = createWorld(true, 6000);
    node = createNode(world, { shards: 2, options: { checkpointLookMs: 10 ** 9, trimBehindMs: 10 ** 9 } });
    await node.start();
    const [quiet = '', busy = ''] = [0, 1].map((shard) =>
      ['a', 'b', 'c', 'd', 'e', 'f'].find((id) => shardOf('ledger', id, 2) === shard),
    );
    // Both are in memory: loading one of them would make everybody look.
    for (const id of [quiet, busy]) await node.put(id, 'k1');
    await world.clock.advance(100);
    const restore = backup(world);
    // The newest record always stays: the one before it is what a trim would take.
    for (const key of ['k2', 'k3']) {
      await node.put(quiet, key);
      await world.clock.advance(100);
    }
    restore();
    for (let n = 0; n < 100; n++) {
      node.ask(busy, [{ type: 'put', by: 'ann', key: `key ${n}` }]);
      await world.clock.advance(3000);
    }
    expect(node.journal.trims.length).to.be.greaterThan(0);
    expect([...world.table.of(quiet).values()]).to.deep.equal(['k1', 'k2', 'k3']);
    expect(node.host.stats().shards).to.include({ serving: 2, quarantined: 0 });
  });

  it('is not trimmed past by a regular round before that is noticed', async () => {
    await start({ checkpointLookMs: 10 ** 9, trimBehindMs: 10_000 });
    const restore = backup(world);
    for (const key of ['k2', 'k3']) {
      await node.put('a', key);
      await world.clock.advance(100);
    }
    await world.clock.advance(10_000);
    restore();
    await world.clock.advance(20_000);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2', 'k3']);
    expect(node.host.stats().shards).to.include({ serving: 1, quarantined: 0 });
  });

  for (const seen of [false, true])
    it(`after it was away for long gets everything again${seen ? ', also if it was back in between as it had been' : ''}`, async () => {
      let away = false;
      world = createWorld();
      node = createNode(world, {
        options: { trimBehindMs: 10_000 },
        step: async () => {
          if (away) throw new Error('PostgreSQL is away');
        },
      });
      await node.start();
      await node.put('a', 'k1');
      await world.clock.advance(100);
      const restore = backup(world);
      for (const key of ['k2', 'k3', 'k4']) {
        await node.put('a', key);
        await world.clock.advance(1000);
      }
      away = true;
      await world.clock.advance(60_000);
      if (seen) {
        away = false;
        await world.clock.advance(5000);
        away = true;
        await world.clock.advance(20_000);
      }
      restore();
      away = false;
      await world.clock.advance(10_000);
      expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2', 'k3', 'k4']);
      expect(node.host.stats().shards).to.include({ serving: 1, quarantined: 0 });
      expect(node.logs.filter((line) => line.includes('trimming'))).to.deep.equal([]);
    });

  it('is noticed by an owner that flushes nothing', async () => {
    await start({ checkpointLookMs: 2000 });
    const restore = backup(world);
    await node.put('a', 'k2');
    await world.clock.advance(100);
    restore();
    await world.clock.advance(8000);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2']);
    expect(node.host.stats().shards).to.include({ serving: 1 });
  });

  it('lets no actor be loaded from it, so that no seq is given out twice', async () => {
    await start({ checkpointLookMs: 1_000_000, idleMs: 1000, sweepMs: 500 });
    const restore = backup(world);
    await node.put('a', 'k2');
    await world.clock.advance(3000);
    expect(node.host.stats().actors, 'it has left memory').to.include({ ledger: 0 });
    restore();
    expect(codeOf(await node.put('a', 'k3'))).to.equal('actor_moved');
    await world.clock.advance(5000);
    expect(seqOf(await node.put('a', 'k3'))).to.equal(3);
    await world.clock.advance(100);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2', 'k3']);
  });

  it('lets no command be decided by rows of it, so that nothing is kept twice', async () => {
    world = createWorld();
    const ledger = ledgerKind(world.table);
    // What PostgreSQL has is looked up there.
    const forgetful = anyKind({
      ...ledger,
      needs(state: LedgerState, command: LedgerCommand) {
        if (command.type !== 'put' || state.known.has(command.key) || state.looked.has(command.key))
          return undefined;
        const { key } = command;
        return async () => {
          const [seq] = [...world.table.of('a')].find(([, known]) => known === key) ?? [];
          return (to: LedgerState) => void (seq === undefined ? to.looked.add(key) : to.known.set(key, seq));
        };
      },
      flushed(state: LedgerState, events: readonly LedgerEvent[]) {
        ledger.flushed(state, events);
        for (const { key } of events) state.known.delete(key);
        state.looked.clear();
      },
    });
    node = createNode(world, { kinds: [forgetful], options: { checkpointLookMs: 1_000_000 } });
    await node.start();
    await node.put('a', 'k1');
    await world.clock.advance(100);
    const restore = backup(world);
    await node.put('a', 'k2');
    await world.clock.advance(100);
    expect(seqOf(await node.put('a', 'k2')), 'read again').to.equal(2);
    await node.put('a', 'k3');
    await world.clock.advance(100);
    restore();
    expect(codeOf(await node.put('a', 'k3'))).to.equal('actor_moved');
    await world.clock.advance(5000);
    expect(seqOf(await node.put('a', 'k3'))).to.equal(3);
    await world.clock.advance(100);
    expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2', 'k3']);
  });

  it('is no reason to fence: one whose owner is another now is told apart', async () => {
    await start({ checkpointLookMs: 2000 });
    const row = world.database.checkpoints.get(0) as Checkpoint;
    row.epoch++;
    await world.clock.advance(2500);
    expect(node.logs.join()).to.include('belongs to another owner').and.not.include('went back');
  });

  for (const live of [true, false])
    it(`before the oldest record that is kept is quarantined ${live ? 'by its live owner' : 'by who claims it'}`, async () => {
      await start({ trimBehindMs: 1000 });
      const restore = backup(world);
      for (const key of ['k2', 'k3', 'k4']) {
        await node.put('a', key);
        await world.clock.advance(3000);
      }
      expect(world.memory.records(0).length).to.be.lessThan(3);
      if (!live) await drain();
      restore();
      const found = live ? node : createNode(world, { node: 'n2' });
      if (!live) await found.start();
      await world.clock.advance(10_000);
      expect(found.host.stats().shards).to.include({ quarantined: 1 });
      expect(await found.put('a', 'k5')).to.deep.equal({
        refusal: { code: 'unavailable', reason: 'quarantined' },
      });
      expect(found.logs.join()).to.include('the journal has lost what followed');
    });

  async function drain(): Promise<void> {
    const drained = node.host.drain(1000);
    await world.clock.advance(2000);
    await drained;
  }

  it('leaves quarantine by itself when a newer one is put in its place', async () => {
    await start({ trimBehindMs: 1000, quarantineLookMs: 1000 });
    const restore = backup(world);
    for (const key of ['k2', 'k3', 'k4']) {
      await node.put('a', key);
      await world.clock.advance(3000);
    }
    const newer = backup(world);
    restore();
    await world.clock.advance(15_000);
    expect(node.host.stats().shards).to.include({ quarantined: 1 });
    const claims = node.journal.appends.length;
    await world.clock.advance(30_000);
    expect(node.journal.appends.length, 'claims nothing meanwhile').to.equal(claims);
    newer();
    await world.clock.advance(5000);
    expect(node.host.stats().shards).to.include({ quarantined: 0, serving: 1 });
    expect(seqOf(await node.put('a', 'k5'))).to.equal(5);
    expect(node.logs.filter((line) => line.includes('leaves quarantine'))).to.have.length(1);
    expect(node.logs.filter((line) => line.includes('is quarantined'))).to.have.length(1);
  });

  it('is quarantined only where placement puts the shard', async () => {
    world = createWorld(false);
    const placement = { ...view('n1', ['n1']), owner: () => owner };
    let owner = 'n1';
    node = createNode(world, { placement, options: { quarantineLookMs: 1000 } });
    world.database.checkpoints.set(0, { journal_id: 'another', epoch: 3, position: 7 });
    await node.start();
    await settled();
    expect(node.host.stats().shards).to.include({ quarantined: 1 });
    owner = 'n2';
    await world.clock.advance(2000);
    expect(node.host.stats().shards).to.include({ quarantined: 0, free: 1 });
    expect(codeOf(await node.put('a', 'k1'))).to.equal('actor_moved');
  });
});

import { expect } from 'chai';
import { decodeRecord, encodeRecord } from '../../../actors/runtime/record.ts';
import { codeOf, createNode, createWorld, view, type World } from '../../support/runtime-harness.ts';

describe('the chain of positions', () => {
  async function quarantined(spoil: (world: World) => void): Promise<string[]> {
    const world = createWorld();
    const one = createNode(world);
    await one.start();
    await one.put('a', 'k1');
    await world.clock.advance(1000);
    await one.put('a', 'k2');
    await world.clock.advance(1000);
    spoil(world);
    const two = createNode(world, { node: 'n2' });
    await two.start();
    expect(codeOf(await two.put('a', 'k3'))).to.equal('unavailable');
    expect(two.host.stats().shards.quarantined).to.equal(1);
    return two.logs;
  }

  it('shows that PostgreSQL was written from another journal', async () => {
    const logs = await quarantined((world) => {
      const row = world.database.checkpoints.get(0);
      if (row !== undefined) row.journal_id = 'another';
    });
    expect(logs.join()).to.include('another');
  });

  it('shows that the journal ends before the checkpoint', async () => {
    await quarantined((world) => {
      const row = world.database.checkpoints.get(0);
      if (row !== undefined) row.position = 1000;
    });
  });

  it('shows nothing where a live owner commits and flushes while another node looks', async () => {
    const world = createWorld(false);
    const one = createNode(world);
    await one.start();
    const two = createNode(world, { node: 'n2', placement: view('n2', ['n1', 'n2']) });
    const { newest } = two.journal;
    const { checkpoint } = two.store;
    const meanwhile = async () => {
      void one.put('a', 'k1');
      await world.clock.advance(100);
    };
    two.journal.newest = async (shard) => {
      const record = await newest.call(two.journal, shard);
      await meanwhile();
      return record;
    };
    two.store.checkpoint = async (shard) => {
      const row = await checkpoint.call(two.store, shard);
      await meanwhile();
      return row;
    };
    await two.host.start();
    expect(world.table.of('a').get(1), 'meanwhile').to.equal('k1');
    expect(two.host.stats().shards).to.include({ quarantined: 0, free: 1 });
  });

  it('shows a hole', async () => {
    await quarantined((world) => {
      const [first] = world.memory.records(0);
      const row = world.database.checkpoints.get(0);
      if (row !== undefined && first !== undefined) row.position = first.position;
      (world.memory.records(0) as unknown[]).splice(1, 1);
    });
  });

  it('shows a record of an older epoch after a newer claim', async () => {
    await quarantined((world) => {
      const newest = world.memory.records(0).at(-1);
      if (newest === undefined) return;
      const { events: _, ...header } = decodeRecord(newest.payload);
      const records = world.memory.records(0) as { position: number; payload: Buffer }[];
      const { position } = newest;
      const claim = { ...header, type: 'claim', epoch: header.epoch + 1, previous: position } as const;
      const late = { ...header, type: 'batch', previous: position + 1 } as const;
      records.push({ position: position + 1, payload: encodeRecord(claim) });
      records.push({ position: position + 2, payload: encodeRecord(late) });
    });
  });
});

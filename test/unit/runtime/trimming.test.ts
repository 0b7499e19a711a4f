import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type FileJournal, openFileJournal } from '../../../actors/journal/file-journal.ts';
import { ActorHost } from '../../../actors/runtime/host.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { eventually } from '../../support/eventually.ts';
import { ledgerKind } from '../../support/ledger-kind.ts';
import { createMemoryFlushStore } from '../../support/memory-flush-store.ts';
import { createNode, createWorld, type Node, records, type World } from '../../support/runtime-harness.ts';

describe('trimming', () => {
  let world: World;
  let node: Node;
  let away: boolean;

  async function start(trimBehindMs: number): Promise<void> {
    away = false;
    world = createWorld();
    node = createNode(world, {
      options: { trimBehindMs },
      step: async (statement) => {
        if (away && statement === 'begin') throw new Error('PostgreSQL is away');
      },
    });
    await node.start();
  }

  it('follows the checkpoint at its distance, never past it and never to empty', async () => {
    await start(10_000);
    for (let n = 1; n <= 5; n++) await node.put('a', `k${n}`);
    await world.clock.advance(3000);
    expect(world.memory.records(0)).to.have.length(6);
    await world.clock.advance(8500);
    expect(world.memory.records(0)).to.have.length(1);
    // The checkpoint moves, and more is committed before the trimmer looks.
    await node.put('a', 'k6');
    await world.clock.advance(50);
    away = true;
    await node.put('a', 'k7');
    await node.put('a', 'k8');
    await world.clock.advance(40_000);
    const kept = world.memory.records(0).map((record) => record.position);
    expect(kept).to.have.length(2);
    expect(kept[0]).to.be.greaterThan(world.database.checkpoints.get(0)?.position ?? 0);
  });

  it('leaves a shard alone that did not move, and looks at most once a second', async () => {
    await start(0);
    await node.put('a', 'k1');
    await world.clock.advance(60_000);
    expect(node.journal.trims.length).to.be.within(1, 2);
    let timers = 0;
    const { after } = world.clock;
    world.clock.after = (ms, task) => {
      timers++;
      return after.call(world.clock, ms, task);
    };
    await world.clock.advance(10_000);
    // The keeper looks ten times a second, the sweep every five seconds.
    expect(timers).to.be.lessThan(120);
  });

  it('tells once that the journal does not take it, and does it when it does', async () => {
    await start(0);
    let gone = true;
    node.journal.beforeTrim = async () => {
      if (gone) throw new Error('The journal is away.');
    };
    for (let n = 1; n <= 5; n++) {
      await node.put('a', `k${n}`);
      await world.clock.advance(2000);
    }
    const told = () => node.logs.filter((line) => line.includes('trimming')).length;
    expect(told()).to.equal(1);
    gone = false;
    await world.clock.advance(2000);
    expect(world.memory.records(0)).to.have.length(1);
    gone = true;
    await node.put('a', 'k6');
    await world.clock.advance(4000);
    expect(told()).to.equal(2);
  });

  it('counts claims and releases as written: what an idle shard leaves behind goes too', async () => {
    await start(10_000);
    let last = node;
    for (let n = 2; n <= 6; n++) {
      const drained = last.host.drain(1000);
      await world.clock.advance(100);
      await drained;
      last = createNode(world, { node: `n${n}`, options: { trimBehindMs: 10_000 } });
      await last.start();
    }
    expect(records(world)).to.have.length(11);
    await world.clock.advance(12_000);
    expect(records(world).map(({ type }) => type)).to.deep.equal(['claim']);
  });
});

describe('trimming a file journal', () => {
  let dir: string;
  let journal: FileJournal | undefined;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'suhbat-trimming-'));
  });

  afterEach(async () => {
    await journal?.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('lets segments go although most shards stood still since long before the restart', async () => {
    const world = createWorld();
    const shards = 8;
    async function start(node: string, trimBehindMs: number) {
      journal = await openFileJournal({ dir, clock: world.clock, segmentBytes: 2048, maxBytes: 1024 * 1024 });
      const host = new ActorHost({
        node,
        shards,
        journal,
        store: createMemoryFlushStore(world.database),
        kinds: [anyKind(ledgerKind(world.table))],
        bus: createLocalBus(),
        clock: world.clock,
        observer: {},
        placement: { owner: () => node, isLive: (other) => other === node, askRelease: () => {} },
        options: { trimBehindMs },
        log: () => {},
      });
      await passing(world, host.start());
      return host;
    }
    const segments = () => journal?.usage().segments ?? 0;

    let host = await start('n1', 10 ** 9);
    for (let life = 2; life <= 4; life++) {
      for (let n = 0; n < 40; n++) {
        const commands = [{ type: 'put', by: 'ann', key: `${life} ${n}` }];
        await passing(world, host.ask({ kind: 'ledger', id: 'a', commands, budgetMs: 5000 }));
      }
      await passing(world, host.drain(5000));
      await journal?.close();
      host = await start(`n${life}`, life === 4 ? 10_000 : 10 ** 9);
    }
    expect(segments()).to.be.greaterThan(5);
    await world.clock.advance(12_000);
    await eventually(() => segments() <= 2);
    await passing(world, host.drain(5000));
  });
});

/** Lets time pass until the promise has settled: the disk has a clock of its own. */
async function passing<T>(world: { clock: World['clock'] }, promise: Promise<T>): Promise<T> {
  let over = false;
  void promise.finally(() => (over = true));
  while (!over) await world.clock.advance(5);
  return promise;
}

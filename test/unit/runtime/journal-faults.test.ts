import { expect } from 'chai';
import { JournalError } from '../../../actors/journal/journal.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { ledgerKind } from '../../support/ledger-kind.ts';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  records,
  seqOf,
  view,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

describe('a journal', () => {
  let world: World;
  let node: Node;

  beforeEach(async () => {
    world = createWorld(false);
    node = createNode(world, { shards: 4, options: { lanes: 2 } });
    await node.start();
  });

  /** One actor in each shard. */
  async function spread(): Promise<string[]> {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    for (const id of ids) await node.put(id, 'k1');
    await world.clock.advance(100);
    return ids;
  }

  it('that has failed for good makes the batch in flight unknown, and refuses all other writes at once', async () => {
    const ids = await spread();
    node.journal.before = async (append) => {
      if (!append.reserved) throw new JournalError('failed', 'fsync');
    };
    expect(codeOf(await node.put('a', 'k2'))).to.equal('timeout');
    for (const id of ids) {
      const asked = node.ask(id, [{ type: 'put', by: 'ann', key: 'k2' }]);
      await settled();
      expect(asked.results?.map(codeOf), id).to.deep.equal(['unavailable']);
    }
    expect(node.host.stats().journalAway).to.equal(true);
  });

  it('that has failed for good is read on where nothing was in doubt, and no shard is claimed any more', async () => {
    const ids = await spread();
    node.journal.before = async () => {
      throw new JournalError('failed', 'fsync');
    };
    await node.put('a', 'k2');
    const heads = await Promise.all(ids.map((id) => node.ask(id, [{ type: 'head' }]).done));
    expect(heads.flat().map(codeOf)).to.include(undefined).and.to.include('unavailable');
    const claims = node.journal.appends.length;
    await world.clock.advance(60_000);
    expect(node.journal.appends.length).to.equal(claims);
    expect(node.logs.filter((line) => line.includes('claiming'))).to.deep.equal([]);
  });

  it('that has failed before a claim refuses what waits for the shard', async () => {
    const late = createNode(createWorld(), { node: 'n1' });
    late.journal.before = async () => {
      throw new JournalError('failed', 'fsync');
    };
    void late.host.start();
    const asked = late.ask('a', [{ type: 'head' }]);
    await settled();
    expect(asked.results?.map(codeOf)).to.deep.equal(['unavailable']);
  });

  it('that refuses an append and does not say why has lost nothing yet: the shard is moved, not quarantined', async () => {
    await node.put('a', 'k1');
    node.journal.before = async (append) => {
      if (!append.reserved) throw new JournalError('refused', 'another owner');
    };
    node.journal.beforeNewest = async () => {
      throw new Error('no connection');
    };
    expect(codeOf(await node.put('a', 'k2'))).to.equal('actor_moved');
    expect(node.host.stats().shards).to.include({ fenced: 1, quarantined: 0 });
  });

  it('that does not answer is asked less and less often', async () => {
    const asked: number[] = [];
    node.journal.before = async () => {
      asked.push(world.clock.now());
      throw new JournalError('in_doubt', 'no answer');
    };
    node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    await settled();
    await world.clock.advance(8000);
    const pauses = asked.slice(1).map((at, index) => at - (asked[index] ?? 0));
    expect(pauses).to.deep.equal([50, 100, 200, 400, 800, 1600, 2000, 2000]);
  });

  it('that takes nothing stops no soft state', async () => {
    const soft = { ...ledgerKind(world.table), name: 'soft', journaled: false };
    const other = createNode(createWorld(), { kinds: [anyKind(ledgerKind(world.table)), anyKind(soft)] });
    await other.start();
    other.journal.before = async () => {
      throw new JournalError('full', 'full');
    };
    const put = { type: 'put', by: 'ann', key: 'k1' };
    other.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }]);
    await settled();
    const [result] = await other.host.ask({ kind: 'soft', id: 'a', commands: [put], budgetMs: 1000 });
    expect(seqOf(result)).to.equal(1);
  });

  it('that was full for long and then does not answer still gets its time to be asked again', async () => {
    let fault: 'full' | 'in_doubt' | undefined = 'full';
    node.journal.before = async () => {
      if (fault !== undefined) throw new JournalError(fault, fault);
    };
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }], 600_000);
    await world.clock.advance(60_000);
    fault = 'in_doubt';
    await world.clock.advance(20_000);
    expect(asked.results).to.equal(undefined);
    fault = undefined;
    await world.clock.advance(3000);
    expect(asked.results?.map(seqOf)).to.deep.equal([1]);
  });

  it('that was in doubt and then is full stays in doubt: unknown when the time is up', async () => {
    let fault: 'full' | 'in_doubt' = 'in_doubt';
    node.journal.before = async () => {
      throw new JournalError(fault, fault);
    };
    const asked = node.ask('a', [{ type: 'put', by: 'ann', key: 'k1' }], 600_000);
    await settled();
    fault = 'full';
    await world.clock.advance(40_000);
    expect(asked.results?.map(codeOf)).to.deep.equal(['timeout']);
  });

  it('that answers a repeat of long ago does not prove that the shard is ours now', async () => {
    await node.put('a', 'k1');
    let answers = false;
    node.journal.after = async () => {
      if (!answers) throw new JournalError('in_doubt', 'no answer');
    };
    const written = node.ask('a', [{ type: 'put', by: 'ann', key: 'k2' }]);
    await world.clock.advance(10_000);
    const two = createNode(world, {
      node: 'n2',
      shards: 4,
      placement: view('n2', ['n2']),
    });
    await two.start();
    const read = node.ask('a', [{ type: 'head' }]);
    answers = true;
    await world.clock.advance(2500);
    expect(written.results?.map(seqOf), 'it was committed before the claim').to.deep.equal([2]);
    expect(read.results?.map(codeOf)).to.deep.equal(['actor_moved']);
  });

  it('that is full makes room from what PostgreSQL has, without waiting for the minutes it is kept', async () => {
    const small = createWorld(true, 4000);
    const one = createNode(small, { options: { trimBehindMs: 10 ** 9 } });
    await one.start();
    let stored = 0;
    for (let n = 0; n < 100; n++) {
      const asked = one.ask('a', [{ type: 'put', by: 'ann', key: `key ${n}` }]);
      await small.clock.advance(3000);
      if (seqOf(asked.results?.[0]) === ++stored) continue;
      expect.fail(`put ${n} was not done`);
    }
    expect(one.journal.trims.length).to.be.greaterThan(1);
    expect(small.table.of('a').size).to.equal(100);
  });
});

describe('a full journal', () => {
  it('gives no room for what PostgreSQL lacks: nothing acked is lost', async () => {
    const world = createWorld(true, 4000);
    let away = false;
    const node = createNode(world, {
      step: async (statement) => {
        if (away && statement === 'begin') throw new Error('PostgreSQL is away');
      },
    });
    await node.start();
    away = true;
    const puts = Array.from(
      { length: 100 },
      (_, n) => ({ type: 'put', by: 'ann', key: `key ${n}` }) as const,
    );
    const asked: ReturnType<typeof node.ask>[] = [];
    const acked = () => asked.filter(({ results }) => seqOf(results?.[0]) !== undefined).length;
    for (const put of puts) {
      asked.push(node.ask('a', [put]));
      await world.clock.advance(100);
      if (acked() < asked.length) break;
    }
    expect(acked()).to.be.within(5, 99);
    // The one that waits may find room yet: the claim is trimmed.
    await world.clock.advance(5000);
    const written = world.database.checkpoints.get(0)?.position ?? 0;
    expect(node.journal.trims.filter(({ position }) => position > written)).to.deep.equal([]);
    const two = createNode(world, { node: 'n2' });
    node.store.end();
    await two.start();
    expect(world.table.of('a').size).to.equal(acked());
  });
});

describe('a journal that lost records', () => {
  const found = {
    'by a read': { type: 'head' },
    'by an append': { type: 'put', by: 'ann', key: 'k1' },
  } as const;
  const losses: Record<string, (node: Node, world: World) => void> = {
    'is cut': (_, world) => void (world.memory.records(0) as unknown[]).pop(),
    'is gone': (node) => lose(node),
  };
  for (const [loss, spoil] of Object.entries(losses))
    for (const [how, command] of Object.entries(found))
      it(`and ${loss} is found out ${how}: its live owner flushes from memory, and the shard waits for an operator`, async () => {
        const world = createWorld(false);
        let away = false;
        const node = createNode(world, {
          step: async (statement) => {
            if (away && statement === 'begin') throw new Error('PostgreSQL is away');
          },
        });
        await node.start();
        await node.put('a', 'k1');
        await world.clock.advance(100);
        const stored = node.ask('a', [{ type: 'put', by: 'ann', key: 'k2', stored: true }]);
        away = true;
        await world.clock.advance(2000);
        spoil(node, world);
        const finder = node.ask('b', [command]);
        await settled();
        expect(finder.results?.map(codeOf)).to.deep.equal(['unavailable']);
        expect(node.host.stats().shards).to.include({ quarantined: 1 });
        expect(node.logs.join()).to.include('quarantined');
        expect(codeOf(await node.put('a', 'k3'))).to.equal('unavailable');
        away = false;
        await world.clock.advance(5000);
        expect([...world.table.of('a').values()]).to.deep.equal(['k1', 'k2']);
        expect(stored.results?.map(seqOf)).to.deep.equal([2]);
        expect(node.host.stats()).to.include({ unflushedEvents: 0, unflushedBytes: 0 });
        await world.clock.advance(60_000);
        expect(node.host.stats().shards).to.include({ quarantined: 1 });
        expect(records(world).filter((record) => record.type === 'claim')).to.have.length(1);
      });

  it('is found out when its server is back, though nobody asks for anything', async () => {
    const world = createWorld(false);
    const node = createNode(world);
    await node.start();
    await node.put('a', 'k1');
    await world.clock.advance(100);
    (world.memory.records(0) as unknown[]).pop();
    // It takes a while before it answers.
    let unready = 2;
    node.journal.beforeNewest = async () => {
      if (unready-- > 0) throw new JournalError('in_doubt', 'There is no answer.');
    };
    void node.host.journalBack();
    await world.clock.advance(5000);
    expect(node.host.stats().shards).to.include({ quarantined: 1 });
  });

  it('is found out by a claim: the shard waits for an operator, and whoever waits for it is told', async () => {
    const node = createNode(createWorld(false));
    lose(node);
    void node.host.start();
    const asked = node.ask('a', [{ type: 'head' }]);
    await settled();
    expect(asked.results).to.deep.equal([{ refusal: { code: 'unavailable', reason: 'quarantined' } }]);
    expect(node.host.stats().shards).to.include({ quarantined: 1 });
  });

  function lose({ journal }: Node): void {
    const gone = async () => {
      throw new JournalError('gone', 'The journal was deleted.');
    };
    journal.before = gone;
    journal.beforeNewest = gone;
  }
});

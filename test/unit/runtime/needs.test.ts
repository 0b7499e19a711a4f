import { expect } from 'chai';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { ledgerKind } from '../../support/ledger-kind.ts';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  type NodeOptions,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

describe('rows that a command needs', () => {
  let world: World;
  let node: Node;
  /** Reads in the order they began; each ends when the test says so. */
  let reads: (() => void)[];

  async function start(options: NodeOptions['options'] = {}): Promise<void> {
    reads = [];
    world = createWorld();
    node = createNode(world, {
      options,
      step: async (statement) => {
        if (statement === 'fetch') await new Promise<void>((go) => reads.push(go));
      },
    });
    await node.start();
    await node.ask('a', [{ type: 'head' }]).done;
  }

  beforeEach(() => start());

  function put(by: string, key: string, lookup = false, budgetMs?: number) {
    return node.ask('a', [{ type: 'put', by, key, lookup }], budgetMs);
  }

  async function come(read: number): Promise<void> {
    reads[read]?.();
    await settled();
  }

  it('that come for one command let nobody pass who waits behind another', async () => {
    const first = put('ann', 'old', true);
    const behind = put('ann', 'k1');
    const other = put('cem', 'older', true);
    await come(1);
    expect(other.results?.map(seqOf)).to.deep.equal([1]);
    expect(behind.results).to.equal(undefined);
    await come(0);
    expect(first.results?.map(seqOf)).to.deep.equal([2]);
    expect(behind.results?.map(seqOf)).to.deep.equal([3]);
  });

  it('hold back also who shares a key only with one that waits behind', async () => {
    put('ann', 'old', true);
    const behind = put('bob', 'old');
    const last = put('bob', 'k1');
    put('cem', 'older', true);
    await come(1);
    expect(last.results).to.equal(undefined);
    await come(0);
    expect(behind.results?.map(seqOf)).to.deep.equal([2]);
    expect(last.results?.map(seqOf)).to.deep.equal([3]);
  });

  it('and are read only after a wait hold back who waits behind', async () => {
    put('ann', 'old', true);
    const second = put('ann', 'older', true);
    const last = put('ann', 'k1');
    await come(0);
    expect(reads).to.have.length(2);
    expect(last.results).to.equal(undefined);
    await come(1);
    expect(second.results?.map(seqOf)).to.deep.equal([2]);
    expect(last.results?.map(seqOf)).to.deep.equal([3]);
  });

  it('and nobody waits for free the place of who waited behind, and their own when they come', async () => {
    await start({ actorQueue: 2 });
    put('ann', 'old', true, 100);
    put('ann', 'k1', false, 100);
    await world.clock.advance(100);
    const second = put('bob', 'older', true);
    await settled();
    expect(second.results).to.equal(undefined);
    expect((await put('cem', 'k2').done).map(codeOf)).to.deep.equal(['unavailable']);
    await come(0);
    expect((await put('cem', 'k2').done).map(seqOf)).to.deep.equal([1]);
    await come(1);
    expect(second.results?.map(seqOf)).to.deep.equal([2]);
  });

  it('keep the order of who waits also where a turn brings new commands into a full queue', async () => {
    await start({ actorQueue: 5 });
    put('ann', 'old', true);
    put('ann', 'k1', false, 100);
    node.ask('a', [{ type: 'tell', by: 'bob', lookup: true }]);
    const one = put('bob', 'k2');
    const two = put('bob', 'k3');
    await world.clock.advance(100);
    node.bus.subscribe('told', () => {
      for (const key of ['k4', 'k5', 'k6']) put('ann', key);
    });
    await come(1);
    expect(one.results?.map(seqOf)).to.deep.equal([1]);
    expect(two.results?.map(seqOf)).to.deep.equal([2]);
  });

  it('are asked for a few times at most, then the command has its turn', async () => {
    const ledger = ledgerKind(world.table);
    let asked = 0;
    const needs = () => async () => {
      asked++;
      await settled();
      return () => {};
    };
    const greedy = { ...ledger, needs };
    const other = createNode(createWorld(), { kinds: [anyKind(greedy)] });
    await other.start();
    expect(seqOf(await other.put('a', 'k1'))).to.equal(1);
    expect(asked).to.equal(4);
  });

  it('of an actor that keeps nothing do without PostgreSQL; of all others they are trusted only where it answers', async () => {
    let away = false;
    const ledger = ledgerKind(world.table);
    const soft = { ...ledger, name: 'soft', journaled: false };
    const other = createNode(createWorld(), {
      kinds: [anyKind(ledger), anyKind(soft)],
      step: async () => {
        if (away) throw new Error('PostgreSQL is away');
      },
    });
    await other.start();
    const ask = (kind: string, key: string) => {
      const commands = [{ type: 'put', by: 'ann', key, lookup: true }];
      return other.host.ask({ kind, id: 'a', commands, budgetMs: 1000 });
    };
    for (const kind of ['ledger', 'soft']) expect((await ask(kind, 'k1')).map(seqOf)).to.deep.equal([1]);
    away = true;
    expect((await ask('soft', 'k2')).map(seqOf)).to.deep.equal([2]);
    expect(await ask('ledger', 'k2')).to.deep.equal([{ refusal: { code: 'unavailable', reason: 'unread' } }]);
    away = false;
    expect((await ask('ledger', 'k2')).map(seqOf)).to.deep.equal([2]);
  });
});

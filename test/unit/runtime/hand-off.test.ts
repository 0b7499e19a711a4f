import { expect } from 'chai';
import { createShardMap, type ShardMap } from '../../../actors/client/placement.ts';
import { shardOf } from '../../../actors/client/shard-of.ts';
import {
  codeOf,
  createNode,
  createWorld,
  type Node,
  type NodeOptions,
  records,
  seqOf,
  type World,
} from '../../support/runtime-harness.ts';

const shards = 32;
const ids = Array.from({ length: 100 }, (_, index) => `actor-${index}`);

/** Nodes that share one world, each with its own view of who is there. */
describe('the hand-off of shards', () => {
  let world: World;
  let nodes: Map<string, Node & { map: ShardMap }>;
  /** How long a call to another node takes. */
  let callMs: number;

  beforeEach(() => {
    world = createWorld(false);
    nodes = new Map();
    callMs = 1;
  });

  async function join(name: string, view: string[], more: Partial<NodeOptions> = {}) {
    const map = createShardMap(shards, view);
    const node = createNode(world, {
      node: name,
      shards,
      placement: {
        owner: map.owner,
        isLive: map.isLive,
        askRelease: (other, shard) =>
          new Promise((resolve) => {
            world.clock.after(callMs, () => {
              const host = nodes.get(other)?.host;
              void (host?.release(shard) ?? Promise.resolve(false)).then(resolve);
            });
          }),
      },
      ...more,
    });
    const joined = Object.assign(node, { map });
    nodes.set(name, joined);
    await joined.start();
    return joined;
  }

  /** These nodes see the cluster so from now on. */
  function see(names: string[], view: string[], live = view): void {
    for (const name of names) {
      nodes.get(name)?.map.update(view, live);
      nodes.get(name)?.host.placementChanged();
    }
  }

  const serving = (node: Node) => node.host.stats().shards.serving ?? 0;
  const owned = (map: ShardMap, name: string) =>
    Array.from({ length: shards }, (_, shard) => shard).filter((shard) => map.owner(shard) === name);

  async function until(check: () => boolean, withinMs: number): Promise<number> {
    const began = world.clock.monotonic();
    while (!check()) {
      if (world.clock.monotonic() - began > withinMs) throw new Error(`it did not happen in ${withinMs} ms`);
      await world.clock.advance(1);
    }
    return world.clock.monotonic() - began;
  }

  /** One put to each actor, at whichever node serves it; how many puts nobody took. */
  async function putAll(key: string): Promise<number> {
    let refused = 0;
    for (const id of ids) {
      const tries = [...nodes.values()].map((node) => node.ask(id, [{ type: 'put', by: 'ann', key }], 1000));
      await world.clock.advance(5);
      const taken = tries.filter(({ results }) => seqOf(results?.[0]) !== undefined);
      expect(taken.length, `two nodes took a put to ${id}`).to.be.at.most(1);
      if (taken.length === 0) refused++;
    }
    return refused;
  }

  /** Milliseconds that a shard was away, on average, while a second node joined. */
  async function joinSecond(): Promise<number> {
    const first = await join('n1', ['n1']);
    await until(() => serving(first) === shards, 1000);
    expect(await putAll('before')).to.equal(0);
    const second = await join('n2', []);
    const theirs = owned(createShardMap(shards, ['n1', 'n2']), 'n2');
    expect(theirs.length).to.be.within(8, 24);
    let away = 0;
    see(['n2', 'n1'], ['n1', 'n2']);
    await until(() => {
      away += shards - serving(first) - serving(second);
      return serving(second) === theirs.length;
    }, 10_000);
    expect(serving(first)).to.equal(shards - theirs.length);
    expect(await putAll('after')).to.equal(0);
    for (const id of ids) expect([...world.table.of(id).values()]).to.deep.equal(['before', 'after']);
    return away / theirs.length;
  }

  it('gives a node that joins its shards, and each is away for an instant', async () => {
    expect(await joinSecond()).to.be.within(1, 100);
  });

  it('does so unasked, where the request is lost', async () => {
    callMs = 1_000_000;
    expect(await joinSecond()).to.be.within(1, 600);
  });

  it('lets the shards that wait for their turn go on serving, and says where they are', async () => {
    let stuck = false;
    const first = await join('n1', ['n1'], {
      options: { handOffShards: 2 },
      step: (statement) =>
        stuck && statement.startsWith('lock') ? new Promise(() => {}) : Promise.resolve(),
    });
    await until(() => serving(first) === shards, 1000);
    expect(await putAll('before')).to.equal(0);
    await world.clock.advance(500);
    stuck = true;
    const second = await join('n2', ['n1', 'n2']);
    const theirs = owned(second.map, 'n2');
    for (const id of ids) first.ask(id, [{ type: 'put', by: 'ann', key: 'unflushed' }]);
    await world.clock.advance(5);
    see(['n1'], ['n1', 'n2']);
    await world.clock.advance(50);
    expect(first.host.stats().shards.releasing).to.equal(2);
    expect(serving(first)).to.equal(shards - 2);
    // A shard that the first still serves: the second names it, and it takes the command.
    const waiting = ids.find((id) => {
      const shard = shardOf('ledger', id, shards);
      return theirs.includes(shard) && theirs.indexOf(shard) > 2;
    }) as string;
    const there = second.ask(waiting, [{ type: 'put', by: 'bob', key: 'k' }], 100);
    await world.clock.advance(5);
    expect(there.results?.[0]).to.deep.equal({ refusal: { code: 'actor_moved' }, node: 'n1' });
    const here = first.ask(waiting, [{ type: 'put', by: 'bob', key: 'k' }], 100);
    await world.clock.advance(5);
    expect(seqOf(here.results?.[0])).to.equal(3);
  });

  it('brings the next claim with the answer to the request, and not with the next look', async () => {
    const first = await join('n1', ['n1']);
    await until(() => serving(first) === shards, 1000);
    callMs = 30;
    const second = await join('n2', ['n1', 'n2']);
    const theirs = owned(second.map, 'n2');
    await world.clock.advance(100);
    expect(serving(second)).to.equal(0);
    // Only the old owner's view changes now: the requests that wait there are refused or taken by it.
    nodes.get('n1')?.map.update(['n1', 'n2']);
    const took = await until(() => serving(second) === theirs.length, 10_000);
    expect(took).to.be.lessThan(3000);
  });

  it('takes the shards of a node that is gone at once', async () => {
    const first = await join('n1', ['n1', 'n2']);
    const second = await join('n2', ['n1', 'n2']);
    await until(() => serving(first) + serving(second) === shards, 1000);
    expect(await putAll('before')).to.equal(0);
    nodes.delete('n2');
    see(['n1'], ['n1']);
    // Without a release the reads of the dead owner may be a second old.
    const took = await until(() => serving(first) === shards, 5000);
    expect(took).to.be.within(900, 1200);
    expect(await putAll('after')).to.equal(0);
    // The dead node wakes: nothing of it counts.
    const [late] = await second.ask(ids[0] as string, [{ type: 'put', by: 'ann', key: 'late' }]).done;
    if (seqOf(late) !== undefined)
      expect(first.map.owner(shardOf('ledger', ids[0] as string, shards))).to.equal('n2');
  });

  it('leaves a node that drains its time to release, and takes each shard when it has', async () => {
    const first = await join('n1', ['n1', 'n2']);
    const second = await join('n2', ['n1', 'n2']);
    await until(() => serving(first) + serving(second) === shards, 1000);
    expect(await putAll('before')).to.equal(0);
    see(['n1', 'n2'], ['n1'], ['n1', 'n2']);
    const drained = second.host.drain(10_000);
    const took = await until(() => serving(first) === shards, 5000);
    expect(took).to.be.lessThan(900);
    await world.clock.advance(10_000);
    await drained;
    for (let shard = 0; shard < shards; shard++) {
      const types = records(world, shard).map(({ type }) => type);
      // Every claim but the first followed a release: nobody was pushed out.
      for (const [index, type] of types.entries())
        if (type === 'claim' && index > 0) expect(types[index - 1]).to.equal('release');
    }
    expect(await putAll('after')).to.equal(0);
  });

  it('waits while PostgreSQL is away, because the next owner could not begin', async () => {
    let away = false;
    const first = await join('n1', ['n1'], {
      step: (statement) => (away ? Promise.reject(new Error(`no ${statement}`)) : Promise.resolve()),
    });
    await until(() => serving(first) === shards, 1000);
    await putAll('before');
    away = true;
    expect(await putAll('meanwhile')).to.equal(0);
    const second = await join('n2', ['n1', 'n2']);
    see(['n1', 'n2'], ['n1', 'n2']);
    await world.clock.advance(5000);
    expect(serving(first)).to.equal(shards);
    expect(await putAll('still')).to.equal(0);
    away = false;
    await until(() => serving(second) === owned(second.map, 'n2').length, 10_000);
  });

  it('gives up a shard that the journal believes to be here, and is not', async () => {
    const first = await join('n1', ['n1']);
    await until(() => serving(first) === shards, 1000);
    first.journal.before = async (append) => {
      if (append.reserved) throw new Error('the connection broke');
    };
    const second = await join('n2', ['n1', 'n2']);
    const theirs = owned(second.map, 'n2');
    see(['n1', 'n2'], ['n1', 'n2']);
    await until(() => serving(first) === shards - theirs.length, 20_000);
    expect(serving(second)).to.equal(0);
    first.journal.before = async () => {};
    await until(() => serving(second) === theirs.length, 10_000);
  });

  it('never happens where placement has changed back meanwhile', async () => {
    const first = await join('n1', ['n1'], { options: { handOffShards: 1 } });
    await until(() => serving(first) === shards, 1000);
    see(['n1'], ['n1', 'n2']);
    see(['n1'], ['n1']);
    await world.clock.advance(5000);
    expect(serving(first)).to.equal(shards);
    expect(codeOf(await first.put(ids[0] as string, 'k'))).to.equal(undefined);
  });

  it('is not called clean while an owner that was pushed out may answer reads', async () => {
    const first = await join('n1', ['n1']);
    await until(() => serving(first) === shards, 1000);
    const id = ids[0] as string;
    const shard = shardOf('ledger', id, shards);
    expect(seqOf(await first.put(id, 'k1'))).to.equal(1);
    const pushedAt = world.clock.monotonic();
    // The second believes that the first is gone, takes everything, and is stopped at once.
    const second = await join('n2', ['n2']);
    const drained = second.host.drain(5000);
    const third = await join('n3', ['n3'], {
      placement: { owner: () => 'n3', isLive: () => true, askRelease: () => undefined },
    });
    await until(() => serving(third) === shards, 5000);
    expect(records(world, shard).map(({ node, type }) => `${node} ${type}`)).to.include('n2 release');
    expect(world.clock.monotonic() - pushedAt).to.be.at.least(1000);
    await world.clock.advance(5000);
    await drained;
  });
});

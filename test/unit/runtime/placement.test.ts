import { expect } from 'chai';
import { createShardMap } from '../../../actors/client/placement.ts';
import { shardOf } from '../../../actors/client/shard-of.ts';

const shards = 4096;
const names = (count: number) => Array.from({ length: count }, (_, index) => `host-${index}`);

function ownersOf(nodes: readonly string[]): (string | undefined)[] {
  const { owner } = createShardMap(shards, nodes);
  return Array.from({ length: shards }, (_, shard) => owner(shard));
}

function moved(before: readonly unknown[], after: readonly unknown[]): number {
  return before.filter((owner, shard) => owner !== after[shard]).length;
}

describe('placement', () => {
  it('moves about one shard in N+1 when a node comes, all of them to that node', () => {
    const before = ownersOf(names(4));
    const after = ownersOf(names(5));
    expect(moved(before, after)).to.be.within(shards / 5 / 1.3, (shards / 5) * 1.3);
    for (const [shard, owner] of after.entries())
      if (owner !== before[shard]) expect(owner).to.equal('host-4');
  });

  it('moves only the shards of a node that goes', () => {
    const before = ownersOf(names(5));
    const after = ownersOf(names(5).filter((node) => node !== 'host-2'));
    expect(moved(before, after)).to.equal(before.filter((owner) => owner === 'host-2').length);
  });

  it('is the same for everybody who sees the same nodes, in whatever order', () => {
    expect(ownersOf(names(5).reverse())).to.deep.equal(ownersOf(names(5)));
  });

  it('gives nobody where nobody is', () => {
    const map = createShardMap(8);
    expect(map.owner(0)).to.equal(undefined);
    map.update(['n1']);
    expect(map.owner(7)).to.equal('n1');
    expect(map.isLive('n1')).to.equal(true);
    map.update([]);
    expect(map.isLive('n1')).to.equal(false);
  });

  it('keeps an actor in its shard for ever', () => {
    // Written down: another answer would lose every actor of a deployment.
    const ids = ['018f0000-0000-7000-8000-000000000001', '018f0000-0000-7000-8000-000000000002'];
    expect(ids.map((id) => shardOf('chat', id, 64))).to.deep.equal([18, 40]);
    expect(ids.map((id) => shardOf('user', id, 64))).to.deep.equal([45, 23]);
  });
});

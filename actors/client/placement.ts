import { rendezvous } from './rendezvous.ts';

/** Which node should own each shard, by the nodes that are live now. A hint: the journal decides. */
export interface ShardMap {
  owner(shard: number): string | undefined;
  isLive(node: string): boolean;
  /** The live, non-draining nodes that run actors. Owners are worked out once for each change. */
  update(nodes: readonly string[]): void;
}

export function createShardMap(shards: number, nodes: readonly string[] = []): ShardMap {
  let live = new Set<string>();
  let owners: (string | undefined)[] = [];
  const map: ShardMap = {
    owner: (shard) => owners[shard],
    isLive: (node) => live.has(node),
    update(next) {
      live = new Set(next);
      owners = Array.from({ length: shards }, (_, shard) => rendezvous(shard, live));
    },
  };
  map.update(nodes);
  return map;
}

import type { Membership } from '../../ops/broker/membership.ts';
import { rendezvous } from './rendezvous.ts';

/** Which node should own each shard, by the nodes that are live now. A hint: the journal decides. */
export interface ShardMap {
  owner(shard: number): string | undefined;
  /** Live nodes are more than owners: who drains, or has not begun, may hold shards still or already. */
  isLive(node: string): boolean;
  /** `nodes`: the live, non-draining ones that run actors. Owners are worked out once for each change. */
  update(nodes: readonly string[], live?: readonly string[]): void;
}

export function createShardMap(shards: number, nodes: readonly string[] = []): ShardMap {
  let live = new Set<string>();
  let owners: (string | undefined)[] = [];
  const map: ShardMap = {
    owner: (shard) => owners[shard],
    isLive: (node) => live.has(node),
    update(nodes, all = nodes) {
      live = new Set(all);
      owners = Array.from({ length: shards }, (_, shard) => rendezvous(shard, nodes));
    },
  };
  map.update(nodes);
  return map;
}

/** Keeps the map as the membership is, now and after each change; `changed` is told when it was updated. */
export function followMembership(
  map: ShardMap,
  membership: Membership,
  changed: () => void = () => {},
): void {
  const update = () => {
    const members = membership.members();
    const able = members.filter(({ roles }) => roles.includes('actors'));
    const staying = able.filter(({ draining }) => !draining);
    // Where all drain nobody can take over, and they go on to the end.
    map.update(ids(staying.length > 0 ? staying : able), ids(members));
    changed();
  };
  update();
  membership.onChange(update);
}

function ids(members: readonly { id: string }[]): string[] {
  return members.map(({ id }) => id);
}

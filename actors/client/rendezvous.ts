import { createHash } from 'node:crypto';

/**
 * Rendezvous hashing: the node with the greatest weight for a shard owns it. One more node on N moves
 * about 1/(N+1) of the shards, a lost one only its own. A pure function of the nodes, in any order.
 */
export function rendezvous(shard: number, nodes: Iterable<string>): string | undefined {
  let owner: string | undefined;
  let greatest = '';
  for (const node of nodes) {
    const weight = createHash('sha256').update(`${shard} ${node}`).digest('hex');
    if (weight > greatest) {
      greatest = weight;
      owner = node;
    }
  }
  return owner;
}

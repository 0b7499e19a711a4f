import { crc32 } from 'node:zlib';

/** The shard of an actor: fixed for the life of a deployment, because the shard count is. */
export function shardOf(kind: string, id: string, shards: number): number {
  return crc32(`${kind}/${id}`) % shards;
}

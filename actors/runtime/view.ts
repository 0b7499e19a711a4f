/** The membership view, as the host sees it. A hint: the journal decides. */
export interface Placement {
  owner(shard: number): string | undefined;
  isLive(node: string): boolean;
  /** Asks a node to release a shard that should be here; tells, where it can, whether it did. Rejects never. */
  askRelease(node: string, shard: number): Promise<boolean> | undefined;
}

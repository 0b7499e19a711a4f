import type { Node } from '../../ops/cluster/node.ts';
import type { Stage } from './stage.ts';
import type { Town } from './town.ts';

/** What is done to a cluster while people write. It ends with everything whole again. */
export interface Fault {
  name: string;
  /** Seconds that it takes, about. */
  seconds: number;
  /** `alone`: nothing else is done at the same time. */
  run(stage: Stage, random: () => number, town: Town, alone: boolean): Promise<void>;
}

/** One of those that are up. */
export function pick(nodes: readonly Node[], random: () => number): Node {
  const up = nodes.filter(({ state }) => state === 'ready');
  const node = up[Math.floor(random() * up.length)];
  if (node === undefined) throw new Error('there is nobody to hurt');
  return node;
}

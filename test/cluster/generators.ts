import { createHash } from 'node:crypto';
import { seededRandom } from '../simulation/scheduler.ts';

/**
 * From one seed a generator for each name: who draws often, or sooner, does not change what others draw. So a seed
 * gives the same faults on the same nodes however fast people wrote meanwhile.
 */
export type Generators = (name: string) => () => number;

export function generatorsOf(seed: number): Generators {
  return (name) => seededRandom(createHash('sha256').update(`${seed} ${name}`).digest().readUInt32LE());
}

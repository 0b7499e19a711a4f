import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { Activation } from './activation.ts';
import { Entry } from './entry.ts';
import type { OwnedShard } from './shard.ts';

/** Commands under way at once: about two milliseconds of turns. */
const slice = 500;
/** Whoever refused the command, because something was full or away, is told again after this. */
const againMs = 1000;
/** So often: about as long as a journal may be away before its shards are given up. */
const rounds = 60;

/**
 * One command to every activation of a kind, slice by slice, none of which is larger than the gates of shards
 * take; between two of them others have their turns. `still`: asked before each slice.
 */
export async function tellAll(
  shards: Iterable<OwnedShard>,
  kind: string,
  command: object,
  still: () => boolean,
  clock: Clock,
): Promise<void> {
  let waiting: Iterable<Activation> = ofKind(shards, kind);
  for (let round = 0; round < rounds; round++) {
    const refused: Activation[] = [];
    const again = (activation: Activation) => void refused.push(activation);
    for (const some of slices(waiting)) {
      if (!still()) return;
      await Promise.all(some.map((activation) => tell(activation, command, again)));
      await sleep(clock, 0);
    }
    if (refused.length === 0) return;
    waiting = refused;
    await sleep(clock, againMs);
  }
}

function tell(activation: Activation, command: object, again: (one: Activation) => void): Promise<void> {
  return new Promise((resolve) => {
    const entry = new Entry(command, Number.POSITIVE_INFINITY, (result) => {
      if ('refusal' in result && result.refusal.code === 'unavailable') again(activation);
      resolve();
    });
    activation.submit(entry);
  });
}

/** Of each shard by itself: the list of the whole node is in the order of use, and moves while it is walked. */
function* ofKind(shards: Iterable<OwnedShard>, kind: string): Generator<Activation> {
  for (const { activations } of [...shards])
    for (const activation of activations.values()) if (activation.kind.name === kind) yield activation;
}

function* slices(activations: Iterable<Activation>): Generator<Activation[]> {
  let some: Activation[] = [];
  for (const activation of activations) {
    if (some.push(activation) < slice) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}

import type { Refusal } from '../../schemas/errors.ts';
import type { OwnedShard } from './shard.ts';

export type ShardState =
  | 'free'
  | 'claiming'
  | 'replaying'
  | 'serving'
  | 'releasing'
  | 'fenced'
  | 'quarantined';

export type Moved = { refusal: Refusal; node?: string };
export type Answer = OwnedShard | Moved;

export interface Slot {
  state: ShardState;
  shard: OwnedShard | undefined;
  /** Monotonic time before which this node does not claim. */
  notBefore: number;
  /** Counts the claims: one that ends late must not touch what a later one made. */
  claims: number;
  /** The live node that the journal names as the owner, and that was asked to release. */
  heldBy: string | undefined;
  /** The node whose answer to that is awaited. */
  asking: string | undefined;
  /** The last claim failed, and the log knows. */
  told: boolean;
  waiting: Set<(answer: Answer) => void>;
}

export const moved: Moved = { refusal: { code: 'actor_moved' } };
export const quarantined: { refusal: Refusal } = { refusal: { code: 'unavailable', reason: 'quarantined' } };
export const journalFailed: { refusal: Refusal } = {
  refusal: { code: 'unavailable', reason: 'journal_failed' },
};

/** Where the shard is, as far as this node knows; nothing where that is here or nowhere. */
export function movedTo(owner: string | undefined, self: string): Moved {
  return owner === undefined || owner === self ? moved : { ...moved, node: owner };
}

export function freeSlot(): Slot {
  return {
    state: 'free',
    shard: undefined,
    notBefore: 0,
    claims: 0,
    heldBy: undefined,
    asking: undefined,
    told: false,
    waiting: new Set(),
  };
}

/** Everybody who waits for the shard gets this. */
export function answerAll(slot: Slot, answer: Answer): void {
  for (const resolve of [...slot.waiting]) resolve(answer);
}

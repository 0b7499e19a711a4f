import type { Clock } from '../../ops/process/clock.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { RuntimeOptions } from './options.ts';
import type { OwnedShard } from './shard.ts';
import type { Placement } from './view.ts';

export type ShardState =
  | 'free'
  | 'claiming'
  | 'replaying'
  | 'serving'
  | 'releasing'
  | 'fenced'
  | 'quarantined';

type Moved = { refusal: Refusal; node?: string };
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

const moved: Moved = { refusal: { code: 'actor_moved' } };
const quarantined: { refusal: Refusal } = { refusal: { code: 'unavailable', reason: 'quarantined' } };
const journalFailed: { refusal: Refusal } = {
  refusal: { code: 'unavailable', reason: 'journal_failed' },
};

/** Where the shard is, as far as this node knows; nothing where that is here or nowhere. */
function movedTo(owner: string | undefined, self: string): Moved {
  return owner === undefined || owner === self ? moved : { ...moved, node: owner };
}

function freeSlot(): Slot {
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
function answerAll(slot: Slot, answer: Answer): void {
  for (const resolve of [...slot.waiting]) resolve(answer);
}

export interface SlotsParts {
  node: string;
  shards: number;
  clock: Clock;
  options: RuntimeOptions;
  placement: Placement;
}

/** The state of every shard as this node has it, and who waits for it to serve. */
export class ShardSlots {
  /** The journal takes no more writes in this process: no shard can be claimed. */
  failed = false;
  /** Nothing is claimed any more. */
  stopped = false;
  /** By the shard's number. */
  readonly all: readonly Slot[];
  readonly #parts: SlotsParts;

  constructor(parts: SlotsParts) {
    this.#parts = parts;
    this.all = Array.from({ length: parts.shards }, freeSlot);
  }

  count(): Record<ShardState, number> {
    const count = { free: 0, claiming: 0, replaying: 0, serving: 0, releasing: 0, fenced: 0, quarantined: 0 };
    for (const slot of this.all) count[slot.state]++;
    return count;
  }

  set(number: number, slot: Slot, state: ShardState): void {
    slot.state = state;
    const serving = state === 'serving' ? slot.shard : undefined;
    const answer = serving ?? this.#notComing(number, slot);
    if (answer !== undefined) answerAll(slot, answer);
  }

  /** Waits for a shard on its way to serving; a refusal where it is not coming, or not in time. */
  async wait(number: number, expiresAt: number): Promise<Answer> {
    const { clock, options } = this.#parts;
    const slot = this.all[number] as Slot;
    const refusal = this.#notComing(number, slot);
    if (refusal !== undefined) return refusal;
    if (slot.waiting.size >= options.shardQueue)
      return { refusal: { code: 'unavailable', reason: 'overloaded', retry_after_ms: 500 } };
    return new Promise((resolve) => {
      const answer = (value: Answer) => {
        slot.waiting.delete(answer);
        cancel();
        resolve(value);
      };
      const cancel = clock.after(expiresAt - clock.monotonic(), () =>
        answer({ refusal: { code: 'unavailable', reason: 'claiming', retry_after_ms: 500 } }),
      );
      slot.waiting.add(answer);
    });
  }

  answerThoseWithoutHope(): void {
    this.all.forEach((slot, number) => {
      const refusal = slot.waiting.size === 0 ? undefined : this.#notComing(number, slot);
      if (refusal !== undefined) answerAll(slot, refusal);
    });
  }

  /** Who waits for a shard is told that it is not coming. */
  stop(): void {
    this.stopped = true;
    for (const slot of this.all) answerAll(slot, moved);
  }

  /** No shard can be claimed any more; those that serve go on reading. */
  journalFailed(): void {
    if (this.failed) return;
    this.failed = true;
    for (const slot of this.all) if (slot.state !== 'serving') answerAll(slot, journalFailed);
  }

  #notComing(number: number, slot: Slot): Moved | undefined {
    const { placement, node } = this.#parts;
    if (slot.state === 'quarantined') return quarantined;
    const owner = placement.owner(number);
    if (this.stopped || slot.state === 'releasing' || owner !== node) return movedTo(owner, node);
    // It serves until it has let go, which may take its turn.
    if (slot.heldBy !== undefined && placement.isLive(slot.heldBy)) return movedTo(slot.heldBy, node);
    return this.failed ? journalFailed : undefined;
  }
}

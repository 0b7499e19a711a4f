import { sleep } from '../../ops/process/clock.ts';
import { atMost } from './at-most.ts';
import { type ClaimParts, renounceShard } from './claim.ts';
import type { Releaser } from './drain.ts';
import type { RuntimeOptions } from './options.ts';
import type { OwnedShard } from './shard.ts';
import type { ShardKeeper } from './shard-keeper.ts';
import type { Placement } from './view.ts';

export interface HandOffParts {
  node: string;
  placement: Placement;
  options: RuntimeOptions;
  claim: ClaimParts;
  keeper: ShardKeeper;
  releaser: Releaser;
  /** Flushes or appends fail. */
  failing(shard: OwnedShard): boolean;
  fault(message: string, error: unknown): void;
}

/**
 * Gives shards to the nodes that should own them: a few at a time, so that each is away for as long as its
 * own flush and claim take, and serves until its turn comes.
 */
export class HandOff {
  readonly #parts: HandOffParts;
  readonly #inTurn: ReturnType<typeof atMost>;
  /** By shard: resolves to whether this node holds it no more. */
  readonly #going = new Map<number, Promise<boolean>>();

  constructor(parts: HandOffParts) {
    this.#parts = parts;
    this.#inTurn = atMost(parts.options.handOffShards);
  }

  /** The shards here that another node should own. */
  due(): number[] {
    return [...this.#parts.keeper.owned()]
      .map(({ number }) => number)
      .filter((number) => this.#belongsElsewhere(number));
  }

  /** Hands all of those on; resolves when each had its turn. */
  async all(): Promise<void> {
    await Promise.all(this.due().map((number) => this.release(number)));
  }

  /** Resolves to whether the shard is let go: not where it belongs here, or the next owner could not begin. */
  release(number: number): Promise<boolean> {
    const going = this.#going.get(number);
    if (going !== undefined) return going;
    if (!this.#belongsElsewhere(number)) return Promise.resolve(false);
    const begun = this.#inTurn(() => this.#release(number))
      .catch((error) => {
        this.#parts.fault(`shard ${number} could not be handed on`, error);
        return false;
      })
      .finally(() => this.#going.delete(number));
    this.#going.set(number, begun);
    return begun;
  }

  #belongsElsewhere(number: number): boolean {
    const { placement, node } = this.#parts;
    const owner = placement.owner(number);
    return owner !== undefined && owner !== node;
  }

  async #release(number: number): Promise<boolean> {
    const { keeper, releaser, options, claim } = this.#parts;
    // Placement may have changed again while this waited for its turn.
    if (!this.#belongsElsewhere(number)) return false;
    const shard = keeper.get(number);
    if (shard !== undefined) {
      if (!(await this.#canBegin(shard))) return false;
      await releaser.release(shard, options.handOffFlushMs, options.inDoubtMs);
    }
    const state = keeper.state(number);
    return (state === 'free' || state === 'fenced') && renounceShard(number, claim, options.retryMaxMs);
  }

  /** A new owner needs PostgreSQL and the journal. While they are away, what serves goes on serving. */
  async #canBegin(shard: OwnedShard): Promise<boolean> {
    const { claim, options, failing } = this.#parts;
    if (failing(shard)) return false;
    const answers = claim.store.checkpoint(shard.number).then(
      () => true,
      () => false,
    );
    return Promise.race([answers, sleep(claim.clock, options.handOffFlushMs).then(() => false)]);
  }
}

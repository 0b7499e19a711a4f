import type { Bus } from '../../ops/bus/bus.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { Activation } from './activation.ts';
import type { Held } from './flush-queue.ts';
import type { AnyKind } from './kind.ts';
import type { RuntimeObserver } from './observer.ts';
import type { RuntimeOptions } from './options.ts';
import type { OwnedShard } from './shard.ts';

/** What a shard needs of its node. */
export interface ShardParts {
  node: string;
  journal: Journal;
  kinds: ReadonlyMap<string, AnyKind>;
  bus: Pick<Bus, 'publish'>;
  /** The bus itself, where it may lose frames. */
  lossy: Bus | undefined;
  clock: Clock;
  options: RuntimeOptions;
  observer: RuntimeObserver;
  /** What all queues of the node hold. */
  held: Held;
  /** A refusal when events of this gate cannot be taken now, whatever the shard. */
  refuses(shard: OwnedShard, gate: 'journaled' | 'stored'): Refusal | undefined;
  /** There is something to flush; `soon`: an answer waits for it. */
  dirty(shard: OwnedShard, soon: boolean): void;
  /** Makes sure that PostgreSQL has not gone back, and with it what was just read: such a shard is lost. */
  checkpointLook(): Promise<void>;
  /** Makes room for one more activation; false when nothing can leave. */
  room(): boolean;
  /** An actor has come into memory, or is used. */
  used(shard: OwnedShard, activation: Activation): void;
  left(activation: Activation): void;
  /** Takes no more commands; `quarantined`: what memory has is flushed still. */
  lost(shard: OwnedShard, loss: Loss): void;
  /** The journal takes no more. */
  journalFull(): void;
  journalFailed(): void;
  /** An error that is no refusal: for the log. */
  fault(message: string, error: unknown): void;
}

export interface Loss {
  reason: string;
  quarantined: boolean;
}

/** Where the claim and the replay left the shard. */
export interface Ownership {
  epoch: number;
  /** Position of one's own claim, the newest record. */
  newest: number;
  /** Position that the checkpoint row has. */
  checkpoint: number;
  /** Heads after this position may be untold. */
  told: number;
  frozen: readonly string[];
  /** Monotonic time at which the claim was confirmed to be the newest record. */
  confirmedAt: number;
  /** Monotonic time from which the owner before, who did not release, can answer no read any more. */
  aloneAt: number;
}

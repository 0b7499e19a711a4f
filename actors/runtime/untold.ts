import { type Clock, sleep } from '../../ops/process/clock.ts';
import { type Journal, JournalError } from '../journal/journal.ts';
import { atMost } from './at-most.ts';
import type { Beacons } from './beacons.ts';
import type { AnyKind } from './kind.ts';
import type { RuntimeOptions } from './options.ts';
import { decodeRecord } from './record.ts';

/**
 * Up to which record a shard's heads have all been told for sure. Each record carries it, so that the next owner
 * knows what one that died may have kept to itself, whatever the clocks say. Two marks, not one of each record: it is
 * one to two times `afterMs` behind.
 */
export class ToldMark {
  readonly #afterMs: number;
  #told: number;
  #next: { position: number; at: number } | undefined;

  /** `told`: of the owners before. A beacon leaves `beaconMs` after its frame, or a little later. */
  constructor(told: number, beaconMs: number) {
    this.#told = told;
    this.#afterMs = 2 * beaconMs;
  }

  /** Now, where the frames of `newest` have left. */
  move(newest: number, now: number): number {
    if (this.#next !== undefined && now - this.#next.at < this.#afterMs) return this.#told;
    this.#told = this.#next?.position ?? this.#told;
    this.#next = { position: newest, at: now };
    return this.#told;
  }
}

export interface UntoldParts {
  kinds: ReadonlyMap<string, AnyKind>;
  /** None where the bus loses nothing. */
  beacons: Pick<Beacons, 'remember'> | undefined;
  clock: Clock;
  options: Pick<RuntimeOptions, 'replayRecords' | 'retryMaxMs'>;
  fault(message: string, error: unknown): void;
}

/** What an owner left flushed, so that no replay publishes it, and perhaps untold. Positions: after, and up to. */
export interface Untold {
  shard: number;
  journal: Journal;
  after: number;
  upTo: number;
  /** Monotonic: its frames had left by then. */
  leftAt: number;
}

/** Shards read at once: nobody waits for them, and what is replayed comes first. */
const shardsAtOnce = 2;
const triesMost = 5;

/** Hands the heads of owners that died to the beacons of this node. Best effort: the journal may have forgotten them. */
export class UntoldHeads {
  readonly #parts: UntoldParts;
  readonly #inTurn = atMost(shardsAtOnce);

  constructor(parts: UntoldParts) {
    this.#parts = parts;
  }

  /** Rejects never. It goes on where the shard is lost meanwhile: the next owner may find a release. */
  async tell(untold: Untold): Promise<void> {
    const { beacons, fault } = this.#parts;
    if (beacons === undefined || untold.after >= untold.upTo) return;
    await this.#inTurn(() => this.#read(untold, beacons)).catch((error) =>
      fault(`heads of shard ${untold.shard} that its last owner may not have told stay untold`, error),
    );
  }

  async #read(
    { shard, journal, after, upTo, leftAt }: Untold,
    beacons: Pick<Beacons, 'remember'>,
  ): Promise<void> {
    const { replayRecords } = this.#parts.options;
    for (let position = after; position < upTo; ) {
      const page = await this.#page(shard, journal, position);
      for (const entry of page) if (entry.position <= upTo) this.#remember(entry.payload, leftAt, beacons);
      if (page.length < replayRecords) return;
      position = page.at(-1)?.position ?? upTo;
    }
  }

  async #page(shard: number, journal: Journal, after: number) {
    const { clock, options } = this.#parts;
    for (let tries = 1; ; tries++)
      try {
        return await journal.read(shard, after, options.replayRecords);
      } catch (error) {
        const again = error instanceof JournalError && error.fault === 'in_doubt' && tries < triesMost;
        if (!again) throw error;
        await sleep(clock, options.retryMaxMs);
      }
  }

  #remember(payload: Buffer, leftAt: number, beacons: Pick<Beacons, 'remember'>): void {
    for (const [kind, id, event] of decodeRecord(payload).events)
      try {
        for (const { subject, envelope } of this.#parts.kinds.get(kind)?.frames(id, event) ?? [])
          beacons.remember(subject, envelope, leftAt);
      } catch (error) {
        this.#parts.fault(`frames of an event of ${kind}/${id} failed`, error);
      }
  }
}

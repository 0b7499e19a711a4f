import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { Journal } from '../journal/journal.ts';
import { BrokenChain, type Claim, type ClaimParts, claimShard, readTail } from './claim.ts';
import type { FlushStore } from './flush-store.ts';
import type { Placement } from './host.ts';
import type { RuntimeObserver } from './observer.ts';
import type { RuntimeOptions } from './options.ts';
import { OwnedShard, type ShardParts } from './shard.ts';

export type ShardState =
  | 'free'
  | 'claiming'
  | 'replaying'
  | 'serving'
  | 'releasing'
  | 'fenced'
  | 'quarantined';

interface Slot {
  state: ShardState;
  shard: OwnedShard | undefined;
  /** Monotonic time before which this node does not claim. */
  notBefore: number;
  waiting: Set<(answer: OwnedShard | { refusal: Refusal }) => void>;
}

export interface KeeperParts {
  node: string;
  shards: number;
  journal: Journal;
  store: FlushStore;
  clock: Clock;
  observer: RuntimeObserver;
  placement: Placement;
  options: RuntimeOptions;
  claim: ClaimParts;
  shardParts: ShardParts;
  log(level: 'info' | 'warn' | 'error', message: string, error?: unknown): void;
}

/**
 * Takes every shard that placement gives this node from `free` to `serving`, and again when it was lost:
 * claim → epoch to the checkpoint row → read the tail → flush it → publish its frames again → serve.
 */
export class ShardKeeper {
  readonly #parts: KeeperParts;
  readonly #slots: Slot[];
  readonly #owned = new Set<OwnedShard>();
  #stopped = false;
  #cancel: (() => void) | undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#slots = Array.from({ length: parts.shards }, () => {
      return { state: 'free', shard: undefined, notBefore: 0, waiting: new Set() };
    });
  }

  /** Resolves when every shard that belongs here was tried once. */
  async start(): Promise<void> {
    await Promise.all(this.#claimFree());
    this.#tick();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  get(number: number): OwnedShard | undefined {
    const slot = this.#slots[number];
    return slot?.state === 'serving' ? slot.shard : undefined;
  }

  /** Waits for a shard on its way to serving; a refusal where it is not coming, or not in time. */
  wait(number: number, expiresAt: number): Promise<OwnedShard | { refusal: Refusal }> {
    const { clock, placement, node, options } = this.#parts;
    const slot = this.#slots[number] as Slot;
    if (slot.state === 'quarantined')
      return Promise.resolve({ refusal: { code: 'unavailable', reason: 'quarantined' } });
    if (this.#stopped || slot.state === 'releasing' || placement.owner(number) !== node)
      return Promise.resolve({ refusal: { code: 'actor_moved' } });
    if (slot.waiting.size >= options.shardQueue)
      return Promise.resolve({ refusal: { code: 'unavailable', reason: 'overloaded', retry_after_ms: 500 } });
    return new Promise((resolve) => {
      const answer = (value: OwnedShard | { refusal: Refusal }) => {
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

  /** Shards with something in memory, those being released included. */
  serving(): Iterable<OwnedShard> {
    return this.#owned;
  }

  states(): Record<ShardState, number> {
    const count = { free: 0, claiming: 0, replaying: 0, serving: 0, releasing: 0, fenced: 0, quarantined: 0 };
    for (const slot of this.#slots) count[slot.state]++;
    return count;
  }

  /** From now on it takes no new commands. */
  releasing(shard: OwnedShard): void {
    const slot = this.#slots[shard.number];
    if (slot?.shard === shard) slot.state = 'releasing';
  }

  /** It is ours no more: fenced for a while, or simply free where it was let go. */
  lost(shard: OwnedShard, reason: string): void {
    this.#owned.delete(shard);
    const slot = this.#slots[shard.number];
    if (slot?.shard !== shard) return;
    const letGo = slot.state === 'releasing';
    slot.shard = undefined;
    slot.notBefore = this.#parts.clock.monotonic() + this.#parts.options.refenceMs;
    this.#set(shard.number, slot, letGo ? 'free' : 'fenced');
    if (!letGo) this.#parts.log('warn', `shard ${shard.number} lost: ${reason}`);
  }

  #tick(): void {
    if (this.#stopped) return;
    this.#cancel = this.#parts.clock.after(this.#parts.options.retryMs * 2, () => {
      this.#claimFree();
      this.#tick();
    });
  }

  #claimFree(): Promise<void>[] {
    const { clock, placement, node } = this.#parts;
    return this.#slots.flatMap((slot, number) => {
      const open = slot.state === 'free' || slot.state === 'fenced';
      if (!open || slot.notBefore > clock.monotonic() || placement.owner(number) !== node) return [];
      return [this.#bringUp(number, slot)];
    });
  }

  async #bringUp(number: number, slot: Slot): Promise<void> {
    const { clock, options, observer, placement, log } = this.#parts;
    this.#set(number, slot, 'claiming');
    try {
      const claim = await claimShard(number, this.#parts.claim);
      if (claim.outcome === 'claimed') return await this.#replay(number, slot, claim);
      if (claim.outcome === 'broken') return this.#quarantine(number, slot, claim.why);
      if (claim.outcome === 'held') placement.askRelease(claim.by, number);
      if (claim.outcome === 'raced') observer.refused();
      slot.notBefore = clock.monotonic() + (claim.outcome === 'raced' ? options.refenceMs : options.retryMs);
      this.#set(number, slot, claim.outcome === 'raced' ? 'fenced' : 'free');
    } catch (error) {
      const halfway = slot.shard;
      slot.shard = undefined;
      halfway?.lose({ code: 'actor_moved' }, 'its replay failed');
      if (error instanceof BrokenChain) return this.#quarantine(number, slot, error.message);
      log('warn', `claiming shard ${number} failed`, error);
      slot.notBefore = clock.monotonic() + options.retryMaxMs / 2;
      this.#set(number, slot, 'free');
    }
  }

  async #replay(number: number, slot: Slot, claim: Claim & { outcome: 'claimed' }): Promise<void> {
    const { journal, store, clock, options, shardParts } = this.#parts;
    this.#set(number, slot, 'replaying');
    const row = await store.claim(number, journal.id, claim.epoch);
    if (row === undefined) throw new Error('a newer epoch stands in the checkpoint row');
    const shard = new OwnedShard(
      number,
      {
        epoch: claim.epoch,
        newest: claim.position,
        checkpoint: row.position,
        frozen: await store.frozen(number),
        confirmedAt: claim.begunAt,
      },
      shardParts,
    );
    slot.shard = shard;
    this.#owned.add(shard);
    for await (const records of readTail(number, row.position, journal, options.replayRecords)) {
      for (const { position, record } of records) {
        const events = record.events.map(([kind, id, event]) => ({ kind, id, event }));
        const frames = events.flatMap(
          (one) => shardParts.kinds.get(one.kind)?.frames(one.id, one.event) ?? [],
        );
        const bytes = JSON.stringify(record.events).length;
        shard.queue.push({
          position,
          batch: 0,
          events,
          bytes,
          committedAt: clock.monotonic(),
          outputs: [],
          frames,
        });
      }
      shardParts.dirty(shard, true);
      await shard.queue.drained();
    }
    if (!claim.released && !journal.exclusive)
      await sleep(clock, claim.keptAt + options.fenceMs - clock.monotonic());
    if (shard.closed || this.#stopped) return;
    this.#set(number, slot, 'serving');
  }

  #quarantine(number: number, slot: Slot, why: string): void {
    this.#set(number, slot, 'quarantined');
    this.#parts.log('error', `shard ${number} is quarantined: ${why}`);
  }

  #set(number: number, slot: Slot, state: ShardState): void {
    slot.state = state;
    if (state === 'serving' && slot.shard !== undefined) this.#answer(slot, slot.shard);
    if (state === 'quarantined')
      this.#answer(slot, { refusal: { code: 'unavailable', reason: 'quarantined' } });
    if (state === 'free' && this.#parts.placement.owner(number) !== this.#parts.node)
      this.#answer(slot, { refusal: { code: 'actor_moved' } });
  }

  #answer(slot: Slot, answer: OwnedShard | { refusal: Refusal }): void {
    for (const resolve of [...slot.waiting]) resolve(answer);
  }
}

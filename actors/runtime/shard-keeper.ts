import { type Clock, sleep } from '../../ops/process/clock.ts';
import { type Journal, JournalError } from '../journal/journal.ts';
import { atMost } from './at-most.ts';
import { BrokenChain, type Claim, type ClaimParts, claimShard, releaseShard } from './claim.ts';
import type { FlushStore } from './flush-store.ts';
import type { RuntimeObserver } from './observer.ts';
import type { RuntimeOptions } from './options.ts';
import { Quarantine } from './quarantine.ts';
import { replayTail } from './replay.ts';
import { OwnedShard } from './shard.ts';
import type { Loss, ShardParts } from './shard-parts.ts';
import { type Answer, ShardSlots, type ShardState, type Slot } from './shard-slots.ts';
import type { UntoldHeads } from './untold.ts';
import type { Placement } from './view.ts';

export interface KeeperParts {
  node: string;
  shards: number;
  journal: Journal;
  reopenJournal?(): Promise<Journal>;
  store: FlushStore;
  clock: Clock;
  observer: RuntimeObserver;
  placement: Placement;
  options: RuntimeOptions;
  claim: ClaimParts;
  shardParts: ShardParts;
  untold: Pick<UntoldHeads, 'tell'>;
  serving?(shard: number): void;
  log(level: 'info' | 'warn' | 'error', message: string, error?: unknown): void;
}

/** Why a shard is lost that had to be flushed before. */
const flushed = 'flushed';

/**
 * Takes every shard that placement gives this node from `free` to `serving`, and again when it was lost:
 * claim → epoch to the checkpoint row → read the tail → publish its frames again → flush it → serve. What was
 * flushed and perhaps not heard is told meanwhile.
 */
export class ShardKeeper {
  readonly #parts: KeeperParts;
  readonly #slots: ShardSlots;
  readonly #quarantined: Quarantine;
  readonly #owned = new Set<OwnedShard>();
  readonly #claims = new Set<Promise<void>>();
  readonly #replaying: ReturnType<typeof atMost>;
  #cancel: (() => void) | undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#quarantined = new Quarantine({ ...parts, reopened: () => this.#leaveOldJournal() });
    this.#replaying = atMost(parts.options.replayShards);
    this.#slots = new ShardSlots(parts);
  }

  /** The journal takes no more writes in this process: no shard can be claimed. */
  get failed(): boolean {
    return this.#slots.failed;
  }

  /** What shards are claimed in now. */
  get journal(): Journal {
    return this.#quarantined.journal;
  }

  /** Resolves when every shard that belongs here was tried once. */
  async start(): Promise<void> {
    this.#claimFree();
    this.#tick();
    await Promise.all(this.#claims);
  }

  /** Claims nothing more; who waits for a shard is told that it is not coming. */
  stop(): void {
    this.#cancel?.();
    this.#slots.stop();
  }

  /** Other nodes are live now, or other shards belong here: what can be claimed is claimed at once. */
  placementChanged(): void {
    for (const slot of this.#slots.all) if (slot.state === 'free') slot.notBefore = 0;
    this.#slots.answerThoseWithoutHope();
    this.#claimFree();
  }

  /** Resolves when no claim is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#claims);
  }

  state(number: number): ShardState {
    return this.#slots.all[number]?.state ?? 'free';
  }

  get(number: number): OwnedShard | undefined {
    const slot = this.#slots.all[number];
    return slot?.state === 'serving' ? slot.shard : undefined;
  }

  /** Waits for a shard on its way to serving; a refusal where it is not coming, or not in time. */
  wait(number: number, expiresAt: number): Promise<Answer> {
    return this.#slots.wait(number, expiresAt);
  }

  /** Shards with something in memory, those that serve no more included. */
  owned(): Iterable<OwnedShard> {
    return this.#owned;
  }

  states(): Record<ShardState, number> {
    return this.#slots.count();
  }

  /** From now on it takes no new commands. */
  releasing(shard: OwnedShard): void {
    const slot = this.#slots.all[shard.number];
    if (slot?.shard === shard) this.#slots.set(shard.number, slot, 'releasing');
  }

  /** It is ours no more: fenced for a while, or simply free where it was let go; or an operator's. */
  lost(shard: OwnedShard, loss: Loss): void {
    if (!loss.quarantined) this.#owned.delete(shard);
    const slot = this.#slots.all[shard.number];
    if (slot?.shard !== shard) {
      if (slot?.state === 'quarantined' && loss.reason !== flushed)
        this.#parts.log('warn', `shard ${shard.number} was in quarantine and is lost: ${loss.reason}`);
      return;
    }
    const letGo = slot.state === 'releasing';
    slot.shard = undefined;
    if (loss.quarantined) {
      // What memory has is flushed still; then nothing of it is kept.
      void shard.queue.drained().then(() => shard.lose(flushed));
      this.#quarantine(shard.number, slot, loss.reason);
      return;
    }
    slot.notBefore = this.#parts.clock.monotonic() + this.#parts.options.refenceMs;
    this.#slots.set(shard.number, slot, letGo ? 'free' : 'fenced');
    if (!letGo) this.#parts.log('warn', `shard ${shard.number} lost: ${loss.reason}`);
  }

  /** No shard can be claimed any more; those that serve go on reading. */
  journalFailed(): void {
    this.#slots.journalFailed();
  }

  #tick(): void {
    if (this.#slots.stopped) return;
    this.#cancel = this.#parts.clock.after(this.#parts.options.retryMs * 2, () => {
      this.#slots.answerThoseWithoutHope();
      this.#lookAtQuarantined();
      this.#claimFree();
      this.#tick();
    });
  }

  #claimFree(): void {
    const { clock, placement, node } = this.#parts;
    if (this.#slots.stopped || this.failed) return;
    this.#slots.all.forEach((slot, number) => {
      const open = slot.state === 'free' || slot.state === 'fenced';
      if (!open || slot.notBefore > clock.monotonic() || placement.owner(number) !== node) return;
      const claim = this.#bringUp(number, slot).finally(() => this.#claims.delete(claim));
      this.#claims.add(claim);
    });
  }

  async #bringUp(number: number, slot: Slot): Promise<void> {
    const { clock, options, observer, log } = this.#parts;
    const pause = (ms: number) => {
      slot.notBefore = clock.monotonic() + ms;
    };
    const own = ++slot.claims;
    this.#slots.set(number, slot, 'claiming');
    try {
      const { journal } = this;
      const claim = await claimShard(number, { ...this.#parts.claim, journal });
      slot.heldBy = undefined;
      if (claim.outcome === 'claimed') return await this.#replay(number, slot, claim, journal);
      if (claim.outcome === 'broken') return this.#quarantine(number, slot, claim.why);
      if (claim.outcome === 'held') return this.#held(number, slot, claim.by);
      observer.refused();
      pause(options.refenceMs);
      this.#slots.set(number, slot, 'fenced');
    } catch (error) {
      if (slot.claims !== own) return;
      const halfway = slot.shard;
      slot.shard = undefined;
      halfway?.lose('its replay failed');
      if (error instanceof BrokenChain || (error instanceof JournalError && error.fault === 'gone'))
        return this.#quarantine(number, slot, error.message);
      if (error instanceof JournalError && error.fault === 'failed') this.journalFailed();
      if (!slot.told) log('warn', `claiming shard ${number} failed`, error);
      slot.told = true;
      pause(options.retryMaxMs / 2);
      this.#slots.set(number, slot, 'free');
    }
  }

  /** A live node has it: it is asked to let go. Its answer, or its end, brings the next claim at once. */
  #held(number: number, slot: Slot, by: string): void {
    const { clock, options, placement } = this.#parts;
    const pause = (ms: number) => {
      slot.notBefore = clock.monotonic() + ms;
    };
    slot.heldBy = by;
    this.#slots.set(number, slot, 'free');
    pause(options.heldMs);
    if (slot.asking === by) return;
    const asked = placement.askRelease(by, number);
    if (asked === undefined) {
      pause(options.retryMs);
      return;
    }
    slot.asking = by;
    void asked.then((released) => {
      if (slot.asking !== by) return;
      slot.asking = undefined;
      if (slot.heldBy !== by || slot.state !== 'free') return;
      slot.notBefore = released ? 0 : clock.monotonic() + options.retryMaxMs / 2;
      this.#claimFree();
    });
  }

  async #replay(
    number: number,
    slot: Slot,
    claim: Claim & { outcome: 'claimed' },
    journal: Journal,
  ): Promise<void> {
    const { store, clock, options, shardParts, untold } = this.#parts;
    const { epoch, position: newest, told, begunAt: confirmedAt, keptAt: leftAt } = claim;
    const aloneAt = claim.released || journal.exclusive ? confirmedAt : claim.keptAt + options.fenceMs;
    if (this.#slots.stopped) {
      this.#slots.set(number, slot, 'free');
      if (aloneAt > clock.monotonic()) await sleep(clock, aloneAt - clock.monotonic());
      const parts = { ...this.#parts.claim, journal };
      await releaseShard(number, { epoch, newest, told }, parts, options.retryMaxMs);
      return;
    }
    this.#slots.set(number, slot, 'replaying');
    const row = await store.claim(number, journal.id, epoch);
    if (row === undefined) throw new Error('a newer epoch stands in the checkpoint row');
    // Read after the row has the epoch: from then on no older owner can add to it.
    const frozen = await store.frozen(number);
    const ownership = { epoch, newest, checkpoint: row.position, told, frozen, confirmedAt, aloneAt };
    const shard = new OwnedShard(number, ownership, { ...shardParts, journal });
    slot.shard = shard;
    this.#owned.add(shard);
    await this.#replaying(() => replayTail(shard, options.replayRecords));
    void untold.tell({ shard: number, journal, after: told, upTo: row.position, leftAt });
    if (aloneAt > clock.monotonic()) await sleep(clock, aloneAt - clock.monotonic());
    if (shard.closed || slot.state !== 'replaying') return;
    slot.told = false;
    this.#slots.set(number, slot, 'serving');
    this.#parts.observer.claimed();
    this.#parts.serving?.(number);
  }

  #lookAtQuarantined(): void {
    const { placement, node } = this.#parts;
    if (this.#slots.stopped || this.failed) return;
    for (const [number, slot] of this.#slots.all.entries()) {
      if (slot.state !== 'quarantined' || !this.#quarantined.due(number)) continue;
      // What memory has is flushed first.
      if ([...this.#owned].some((shard) => shard.number === number)) continue;
      if (placement.owner(number) === node) {
        const look = this.#lookAgain(number, slot).finally(() => this.#claims.delete(look));
        this.#claims.add(look);
      } else {
        // Now another node's to find out.
        this.#quarantined.leave(number);
        this.#slots.set(number, slot, 'free');
      }
    }
  }

  /** Shards to which nobody has written since have not noticed that it is gone: the alarm must count them too. */
  #leaveOldJournal(): void {
    for (const { state, shard } of this.#slots.all)
      if (state === 'serving' && shard?.journal !== this.journal) shard?.cut();
  }

  async #lookAgain(number: number, slot: Slot): Promise<void> {
    if (!(await this.#quarantined.look(number))) return;
    slot.notBefore = 0;
    this.#slots.set(number, slot, 'free');
    this.#claimFree();
  }

  #quarantine(number: number, slot: Slot, why: string): void {
    this.#slots.set(number, slot, 'quarantined');
    this.#quarantined.enter(number, why);
  }
}

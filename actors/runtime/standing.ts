import type { Bus, Envelope } from '../../ops/bus/bus.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { Fence } from './fence.ts';
import type { RuntimeOptions } from './options.ts';

export interface StandingParts {
  /** One that may lose envelopes. */
  bus: Pick<Bus, 'publish' | 'settled' | 'onLoss'>;
  fence: Pick<Fence, 'confirm'>;
  clock: Clock;
  options: Pick<RuntimeOptions, 'beaconMs' | 'headKeptMs' | 'retryMaxMs'>;
}

interface Told {
  envelope: Envelope;
  /** Monotonic. */
  at: number;
}

/** So many frames of one shard leave at once; the others `pauseMs` later: all shards do so at the same time. */
const atOnce = 100;
const pauseMs = 100;

/**
 * The newest standing frame on each subject of one shard (`Outgoing.standing`): no seq shows that one is missing, and
 * no later frame may come for hours. After a loss on this node's side they leave again, as soon as the journal
 * confirms that the shard is still one's own: an owner that was replaced repeats nothing. Each is remembered for
 * `headKeptMs`, and for as long as the bus cannot say that it has left; beyond `most` the oldest are forgotten.
 */
export class StandingFrames {
  /** By subject; oldest first. */
  readonly #frames = new Map<string, Told>();
  readonly #parts: StandingParts;
  readonly #most: number;
  readonly #endLoss: () => void;
  #losses = 0;
  /** Frames are being told again: none is forgotten before it is. */
  #telling = 0;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(parts: StandingParts, most = 10_000) {
    this.#parts = parts;
    this.#most = most;
    this.#endLoss = parts.bus.onLoss(() => void this.#tellAgain());
  }

  /** Frames that are remembered. */
  get size(): number {
    return this.#frames.size;
  }

  /** It was published just now, and stands for all before it on its subject. */
  remember(subject: string, envelope: Envelope): void {
    if (this.#closed) return;
    const { clock, options } = this.#parts;
    this.#frames.delete(subject);
    this.#frames.set(subject, { envelope, at: clock.monotonic() });
    for (const oldest of this.#frames.keys())
      if (this.#frames.size > this.#most) this.#frames.delete(oldest);
      else break;
    this.#cancel ??= clock.after(options.headKeptMs, () => void this.#forget());
  }

  /** Ownership is gone: what stands is the next owner's to say. */
  close(): void {
    this.#closed = true;
    this.#endLoss();
    this.#cancel?.();
    this.#frames.clear();
  }

  /** A later loss begins anew, and ends this one. */
  async #tellAgain(): Promise<void> {
    const { bus, fence, clock, options } = this.#parts;
    const loss = ++this.#losses;
    const subjects = [...this.#frames.keys()];
    this.#telling++;
    try {
      while (subjects.length > 0) {
        const answer = await fence.confirm(clock.monotonic());
        if (this.#closed || answer === 'lost' || loss !== this.#losses) return;
        if (answer === 'own')
          for (const subject of subjects.splice(0, atOnce)) {
            // Looked up now: a newer one may have left since.
            const told = this.#frames.get(subject);
            if (told !== undefined) bus.publish(subject, told.envelope);
          }
        if (subjects.length > 0) await sleep(clock, answer === 'own' ? pauseMs : options.retryMaxMs);
      }
    } finally {
      this.#telling--;
    }
  }

  async #forget(): Promise<void> {
    const { bus, clock, options } = this.#parts;
    const before = clock.monotonic() - options.headKeptMs;
    const left = await bus.settled().then(
      () => true,
      () => false,
    );
    if (this.#closed) return;
    this.#cancel = undefined;
    for (const [subject, { at }] of this.#frames)
      if (left && this.#telling === 0 && at <= before) this.#frames.delete(subject);
      else {
        const wait = Math.max(at - before, options.beaconMs);
        this.#cancel = clock.after(wait, () => void this.#forget());
        return;
      }
  }
}

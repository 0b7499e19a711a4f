import type { Bus, ChatNote, Envelope } from '../../ops/bus/bus.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { RuntimeOptions } from './options.ts';

export interface BeaconParts {
  bus: Bus;
  clock: Clock;
  options: Pick<RuntimeOptions, 'beaconMs' | 'headKeptMs' | 'activations'>;
}

/**
 * What left last about a chat, where it may be lost: its head, on the subjects of its frames; or, for itself,
 * an announcement to one user. Times are monotonic.
 */
interface Head {
  key: string;
  /** The beacon, but for its age. */
  beacon: Envelope & { chat: { seq: number } };
  subjects: string[];
  /** When the newest frame left. */
  at: number;
  /** The tick that it waits for; slots of other ticks that still name it are void. */
  due: number;
  /** A beacon has left since `at`. */
  told: boolean;
}

const tickMs = 100;
/** So many beacons leave in one tick; the others in the next ones. */
const perTick = 2000;
/** A private chat has two, the others one. */
const subjectsMost = 8;

/**
 * Publishes for actors on a bus that may lose frames, and repairs what no later frame would: `beaconMs` after a
 * chat's last frame its head leaves on the subjects that the frame went to, and once more, the last word, after
 * `headKeptMs`; so does the announcement of a new or a removed member. After a loss all heads that are still
 * remembered leave again. Whoever hears a beacon and has not seen that much is behind. What an owner that died took
 * with it, the next one remembers (`UntoldHeads`).
 *
 * A frame costs one look-up here. One timer drives all of them: a head stands in the slot of the tick that it
 * waits for, and is put into a later one only there, where more has left since. Heads beyond the cap of
 * activations are not remembered.
 */
export class Beacons implements Pick<Bus, 'publish'> {
  readonly #parts: BeaconParts;
  readonly #heads = new Map<string, Head>();
  readonly #slots = new Map<number, Head[]>();
  /** Whose beacons are to leave now; oldest first. */
  #leaving: Head[] = [];
  /** All slots up to this one are done. */
  #tick = 0;
  #cancel: (() => void) | undefined;
  readonly #endLoss: () => void;
  #closed = false;

  constructor(parts: BeaconParts) {
    this.#parts = parts;
    this.#endLoss = parts.bus.onLoss(() => {
      this.#leaving = [...this.#heads.values()];
    });
  }

  /** Heads that are remembered. */
  get size(): number {
    return this.#heads.size;
  }

  publish(subject: string, envelope: Envelope): void {
    this.#parts.bus.publish(subject, envelope);
    this.remember(subject, envelope, this.#parts.clock.monotonic());
  }

  /** Somebody has published it, at that monotonic time at the latest, and may not have come to tell of it. */
  remember(subject: string, { chat, attach }: Envelope, at: number): void {
    if (chat === undefined || this.#closed) return;
    if (chat.seq !== undefined) this.#note(chat.id, subject, chat, chat.seq, at);
    // Neither, as with read marks and typing: the latest wins, and it may be lost.
    else if (attach !== undefined || chat.removed !== undefined) {
      const head = this.#note(`${subject} ${chat.id}`, subject, chat, chat.member_seq, at);
      // An older one may be remembered after a newer one has left.
      if (head?.beacon.chat.member_seq === chat.member_seq)
        head.beacon = announcement(head.beacon, chat.removed, attach);
    }
  }

  /** No more frames come: what would have been told later is told now. */
  close(): void {
    this.#closed = true;
    this.#endLoss();
    this.#cancel?.();
    for (const head of this.#heads.values()) if (!head.told) this.#tell(head);
    this.#heads.clear();
    this.#slots.clear();
    this.#leaving = [];
  }

  #note(
    key: string,
    subject: string,
    { id, member_seq }: ChatNote,
    seq: number,
    at: number,
  ): Head | undefined {
    const head = this.#heads.get(key) ?? this.#open(key, id);
    if (head === undefined) return undefined;
    head.at = Math.max(head.at, at);
    const { subjects, beacon } = head;
    if (seq > beacon.chat.seq) beacon.chat.seq = seq;
    if (member_seq > beacon.chat.member_seq) beacon.chat.member_seq = member_seq;
    if (!subjects.includes(subject) && subjects.length < subjectsMost) subjects.push(subject);
    if (head.told || head.due === 0) {
      head.told = false;
      this.#wait(head, head.at + this.#parts.options.beaconMs);
    }
    return head;
  }

  #open(key: string, id: string): Head | undefined {
    const { clock, options } = this.#parts;
    if (this.#heads.size >= options.activations) return undefined;
    const beacon = { frame: '', chat: { id, seq: 0, member_seq: 0 } };
    const head: Head = { key, beacon, subjects: [], at: 0, due: 0, told: false };
    this.#heads.set(key, head);
    if (this.#cancel === undefined) {
      this.#tick = Math.floor(clock.monotonic() / tickMs);
      this.#cancel = clock.after(tickMs, () => this.#run());
    }
    return head;
  }

  /** Until the first tick after this time. */
  #wait(head: Head, until: number): void {
    const due = Math.max(Math.ceil(until / tickMs), this.#tick + 1);
    if (head.due === due) return;
    head.due = due;
    const slot = this.#slots.get(due);
    if (slot === undefined) this.#slots.set(due, [head]);
    else slot.push(head);
  }

  #run(): void {
    const { clock, options } = this.#parts;
    const now = clock.monotonic();
    for (const newest = Math.floor(now / tickMs); this.#tick < newest; this.#tick++) {
      const tick = this.#tick + 1;
      for (const head of this.#slots.get(tick) ?? []) {
        if (head.due !== tick) continue;
        const wanted = head.at + (head.told ? options.headKeptMs : options.beaconMs);
        if (now < wanted) this.#wait(head, wanted);
        else this.#leaving.push(head);
      }
      this.#slots.delete(tick);
    }
    const last: Head[] = [];
    for (const head of this.#leaving.splice(0, perTick)) {
      this.#tell(head);
      // Told late for the first time: the beacon may be lost, so it is not the only one.
      const again = head.told ? now : now + options.beaconMs;
      head.told = true;
      const until = Math.max(head.at + options.headKeptMs, again);
      if (now < until) this.#wait(head, until);
      else last.push(head);
    }
    if (last.length > 0) void this.#forget(last);
    this.#cancel = this.#heads.size === 0 ? undefined : clock.after(tickMs, () => this.#run());
  }

  #tell({ beacon, subjects, at }: Head): void {
    const { bus, clock } = this.#parts;
    const head_age_ms = Math.floor(clock.monotonic() - at);
    // A new one: a bus of one process hands it on as it is.
    const envelope = { ...beacon, chat: { ...beacon.chat, head_age_ms } };
    for (const subject of subjects) bus.publish(subject, envelope);
  }

  /** These had their last word. Once that has surely left they go, but for those that have said more since. */
  async #forget(heads: readonly Head[]): Promise<void> {
    const { bus, clock, options } = this.#parts;
    const told = heads.map(({ at }) => at);
    const kept = await bus.settled().then(
      () => false,
      () => true,
    );
    for (const [n, head] of heads.entries()) {
      if (head.at !== told[n] || this.#heads.get(head.key) !== head) continue;
      if (kept) this.#wait(head, clock.monotonic() + options.beaconMs);
      else this.#heads.delete(head.key);
    }
  }
}

/** Repeats what it said of a member; whoever hears it asks before he believes it. */
function announcement(
  beacon: Head['beacon'],
  removed: string[] | undefined,
  attach: string | undefined,
): Head['beacon'] {
  const { id, seq, member_seq } = beacon.chat;
  return {
    frame: '',
    chat: { id, seq, member_seq, ...(removed !== undefined && { removed }) },
    ...(attach !== undefined && { attach }),
  };
}

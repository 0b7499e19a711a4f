import type { ChatNote } from '../../ops/bus/bus.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { LocalUser } from './local.ts';

/** Longer than owners remember a head: 30 s. */
const generationMs = 45_000;
const defaultMost = 200_000;

/**
 * How far users' own subjects have told of their chats lately, so that a beacon there can be compared. Two
 * generations, the older one thrown away whole: nothing is swept, and what is forgotten costs at worst a
 * `resync` that was not needed.
 */
export class RecentMarks {
  readonly #clock: Clock;
  readonly #most: number;
  #young = new Map<LocalUser, Map<string, number>>();
  #old = this.#young;
  #count = 0;
  #began: number;

  /** `most`: chats of users in one generation. */
  constructor(clock: Clock, most = defaultMost) {
    this.#clock = clock;
    this.#most = most;
    this.#began = clock.monotonic();
  }

  /** A frame that a beacon may speak of later has come by, or a beacon. */
  note(user: LocalUser, chat: ChatNote, attach?: string): void {
    if (chat.seq === undefined && attach === undefined && chat.removed === undefined) return;
    const mark = chat.seq ?? chat.member_seq;
    let chats = this.#young.get(user);
    const known = chats?.get(chat.id);
    if (known === undefined) {
      this.#makeRoom();
      chats = this.#young.get(user);
      if (chats === undefined) {
        chats = new Map();
        this.#young.set(user, chats);
      }
      this.#count++;
    }
    if (known === undefined || mark > known) chats?.set(chat.id, mark);
  }

  /** The greatest mark that is remembered; 0 where there is none. */
  of(user: LocalUser, chatId: string): number {
    const [young = 0, old = 0] = [this.#young, this.#old].map((marks) => marks.get(user)?.get(chatId));
    return Math.max(young, old);
  }

  #makeRoom(): void {
    const now = this.#clock.monotonic();
    if (now - this.#began < generationMs && this.#count < this.#most) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#count = 0;
    this.#began = now;
  }
}

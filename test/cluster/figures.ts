import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Observer, sharedNow } from '../support/recorder.ts';

export interface Counts {
  sends: number;
  acks: number;
  refused: number;
  unknown: number;
  deliveries: number;
}

/** Of what happened since the last `reset`. */
export interface Peaks {
  /** Milliseconds that the slowest acked send took that was begun since then. */
  slowest: number;
  /** Milliseconds for which a chat had sends without an end and acked none of them: the longest of all chats. */
  unavailable: number;
  /** Milliseconds for which the suite's own process did nothing: so much of the others is no fault of the cluster. */
  stalled: number;
}

export interface Figures extends Observer {
  counts(): Counts;
  reset(): void;
  peaks(): Peaks;
  /** Milliseconds from send to ack: half of them, 99 of a hundred, all. */
  acks(): { p50: number; p99: number; max: number };
  stop(): void;
}

const stallResolutionMs = 10;

/** Figures of a run, kept while it runs: each costs the same after a million messages. */
export function createFigures(now: () => number = sharedNow): Figures {
  const counts: Counts = { sends: 0, acks: 0, refused: 0, unknown: 0, deliveries: 0 };
  const counted = { ok: 'acks', fail: 'refused', unknown: 'unknown' } as const;
  /** Milliseconds of each acked send. */
  const taken: number[] = [];
  /** By chat: its sends without an end, and since when none of them was acked. */
  const waiting = new Map<string, { open: number; from: number }>();
  const stalls = monitorEventLoopDelay({ resolution: stallResolutionMs });
  stalls.enable();
  let since = now();
  let slowest = 0;
  let unavailable = 0;

  function waited(from: number, until: number): void {
    unavailable = Math.max(unavailable, until - Math.max(since, from));
  }

  return {
    begun(chatId, at) {
      counts.sends++;
      const chat = waiting.get(chatId) ?? { open: 0, from: at };
      waiting.set(chatId, chat);
      if (chat.open++ === 0) chat.from = at;
    },
    ended(chatId, type, at, begunAt) {
      counts[counted[type]]++;
      const chat = waiting.get(chatId);
      if (chat) chat.open--;
      if (type !== 'ok') return;
      taken.push(at - begunAt);
      if (begunAt >= since) slowest = Math.max(slowest, at - begunAt);
      if (!chat) return;
      waited(chat.from, at);
      chat.from = at;
    },
    received() {
      counts.deliveries++;
    },
    counts: () => ({ ...counts }),
    reset() {
      since = now();
      slowest = 0;
      unavailable = 0;
      stalls.reset();
    },
    peaks() {
      const until = now();
      // One that waits still counts up to now.
      for (const { open, from } of waiting.values()) if (open > 0) waited(from, until);
      return { slowest, unavailable, stalled: stalls.max / 1e6 };
    },
    acks() {
      const all = taken.toSorted((one, other) => one - other);
      const at = (share: number) => all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0;
      return { p50: at(0.5), p99: at(0.99), max: all.at(-1) ?? 0 };
    },
    stop() {
      stalls.disable();
    },
  };
}

export function difference(now: Counts, before: Counts): Counts {
  const names = Object.keys(now) as (keyof Counts)[];
  return Object.fromEntries(names.map((name) => [name, now[name] - before[name]])) as unknown as Counts;
}

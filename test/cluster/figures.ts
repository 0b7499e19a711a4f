import type { Counts, Town } from './town.ts';

/** Figures of a run, from what its clients recorded. */
type Recorders = Town['recorders'];

export function difference(now: Counts, before: Counts): Counts {
  const names = Object.keys(now) as (keyof Counts)[];
  return Object.fromEntries(names.map((name) => [name, now[name] - before[name]])) as unknown as Counts;
}

/** Milliseconds of each acked send. */
function latencies(recorders: Recorders, since = 0): number[] {
  return recorders.flatMap(({ records }) => {
    const begun = new Map<string, number>();
    const taken: number[] = [];
    for (const one of records) {
      if (one.type === 'invoke' && one.at >= since) begun.set(one.client_id, one.at);
      const at = one.type === 'ok' ? begun.get(one.client_id) : undefined;
      if (at !== undefined) taken.push(one.at - at);
    }
    return taken;
  });
}

export function slowestSince(recorders: Recorders, since: number): number {
  return latencies(recorders, since).reduce((most, one) => Math.max(most, one), 0);
}

const ends: ReadonlySet<string> = new Set(['invoke', 'ok', 'fail', 'unknown']);

/**
 * For how long a chat had sends without an end and acked none of them. One that waits still counts up to now.
 */
export function longestUnavailable(recorders: Recorders, since: number): number {
  const entries = recorders
    .flatMap(({ records }) => records.filter(({ type }) => ends.has(type)))
    .sort((one, other) => one.at - other.at);
  const chats = new Map<string, { open: number; from: number }>();
  let longest = 0;
  for (const { at, type, chat_id } of entries) {
    const chat = chats.get(chat_id) ?? { open: 0, from: at };
    chats.set(chat_id, chat);
    if (type === 'invoke') {
      if (chat.open++ === 0) chat.from = at;
    } else {
      chat.open--;
      if (type !== 'ok') continue;
      if (at >= since) longest = Math.max(longest, at - Math.max(since, chat.from));
      chat.from = at;
    }
  }
  const now = performance.timeOrigin + performance.now();
  for (const { open, from } of chats.values())
    if (open > 0) longest = Math.max(longest, now - Math.max(since, from));
  return longest;
}

export function acksOf(recorders: Recorders): { p50: number; p99: number; max: number } {
  const all = latencies(recorders).sort((one, other) => one - other);
  const at = (share: number) => all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: all.at(-1) ?? 0 };
}

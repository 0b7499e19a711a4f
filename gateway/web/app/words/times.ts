import { words } from './words.ts';

/** Times as people say them, in their own time zone. */

const two = (value: number) => String(value).padStart(2, '0');

/** 14:05 */
export function clockTime(iso: string): string {
  const at = new Date(iso);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** Names a day of the local calendar. */
export function dayOf(iso: string): string {
  return new Date(iso).toDateString();
}

function daysAgo(at: Date, now: Date): number {
  const midnight = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

/** Today, Yesterday, 3 May, 3 May 2024 */
export function dayWords(iso: string, now = new Date()): string {
  const w = words.value;
  const at = new Date(iso);
  const ago = daysAgo(at, now);
  if (ago === 0) return w.today;
  if (ago === 1) return w.yesterday;
  const month = w.months[at.getMonth()] ?? '';
  return at.getFullYear() === now.getFullYear()
    ? w.date(at.getDate(), month)
    : w.dateWithYear(at.getDate(), month, at.getFullYear());
}

/** For the chat list: 14:05 today, else 03.05 or 03.05.24 */
export function shortTime(iso: string, now = new Date()): string {
  const at = new Date(iso);
  if (daysAgo(at, now) === 0) return clockTime(iso);
  const day = `${two(at.getDate())}.${two(at.getMonth() + 1)}`;
  return at.getFullYear() === now.getFullYear() ? day : `${day}.${two(at.getFullYear() % 100)}`;
}

export function lastSeenWords(iso: string | null, now = new Date()): string {
  const w = words.value;
  if (iso === null) return w.offline;
  const minutes = Math.floor((now.getTime() - new Date(iso).getTime()) / 60_000);
  if (minutes < 1) return w.lastSeenNow;
  if (minutes < 60) return w.lastSeen(w.minutesAgo(minutes));
  const day = dayWords(iso, now);
  return w.lastSeen(w.at(daysAgo(new Date(iso), now) < 2 ? day.toLowerCase() : day, clockTime(iso)));
}

/** How long to wait, roughly and never too short: 45 seconds, 10 minutes, 3 hours, 29 days. */
export function waitWords(ms: number): string {
  const w = words.value;
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds < 120) return w.seconds(seconds);
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 120) return w.minutes(minutes);
  const hours = Math.ceil(minutes / 60);
  return hours < 48 ? w.hours(hours) : w.days(Math.ceil(hours / 24));
}

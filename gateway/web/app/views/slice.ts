import type { Message } from '../../../client/index.ts';
import { indexOf } from '../state/model.ts';

/**
 * The part of the loaded messages that is in the document: named by seqs, so that older pages may come
 * before it. `to` is infinite while it follows the newest message.
 */
export interface Slice {
  from: number;
  to: number;
}

/** Messages in the document at most, but for those that come in while the end is followed. */
export const mostRows = 150;
const firstRows = 60;
const step = 40;

/** The newest messages. */
export function endSlice(messages: readonly Message[]): Slice {
  return { from: seqAt(messages, messages.length - firstRows), to: Number.POSITIVE_INFINITY };
}

/** What lies around a message. */
export function sliceAround(messages: readonly Message[], seq: number): Slice {
  const at = indexOf(messages, seq);
  return bounded(messages, at - firstRows / 2, at + firstRows);
}

/** The messages of a slice, and whether there are loaded ones on either side of it. */
export function inSlice(messages: readonly Message[], { from, to }: Slice) {
  const start = indexOf(messages, from);
  const end = to === Number.POSITIVE_INFINITY ? messages.length : indexOf(messages, to + 1);
  return { shown: messages.slice(start, end), start, end };
}

export function olderSlice(messages: readonly Message[], slice: Slice): Slice {
  const { start, end } = inSlice(messages, slice);
  const next = Math.max(0, start - step);
  return bounded(messages, next, Math.min(end, next + mostRows));
}

export function newerSlice(messages: readonly Message[], slice: Slice): Slice {
  const { start, end } = inSlice(messages, slice);
  const next = Math.min(messages.length, end + step);
  return bounded(messages, Math.max(start, next - mostRows), next);
}

function bounded(messages: readonly Message[], start: number, end: number): Slice {
  const to = end >= messages.length ? Number.POSITIVE_INFINITY : seqAt(messages, end - 1);
  return { from: seqAt(messages, start), to };
}

const seqAt = (messages: readonly Message[], at: number) => messages[Math.max(0, at)]?.seq ?? 0;

import { type Histogram, newHistogram, record } from '../driver/histogram.ts';
import type { Answered } from '../driver/jobs.ts';

export interface Recovery {
  /** Milliseconds until each of the chats had an ack of a message from after the fault; Infinity: one never had. */
  allMs: number;
  firstMs: number;
  /** Messages of these chats from after the fault that were refused. */
  refused: number;
  /** The acks of the other chats: from the fault until all were back, and before it. */
  others: Histogram;
  othersBefore: Histogram;
  othersRefused: number;
}

/** What a fault at `faultUs` did to these chats, and to all others. Times on the one clock, in microseconds. */
export function recoveryOf(
  answers: readonly Answered[],
  faultUs: number,
  chats: readonly string[],
): Recovery {
  const back = new Map(chats.map((chat) => [chat, Number.POSITIVE_INFINITY]));
  const isOurs = ({ room }: Answered) => back.has(room);
  // What was sent before may have been answered before, and heard only now.
  const after = answers.filter(({ dueUs }) => dueUs >= faultUs);
  for (const { room, atUs, acked } of after) {
    const known = back.get(room);
    if (acked && known !== undefined && atUs < known) back.set(room, atUs);
  }
  const allUs = Math.max(...back.values());
  const others = answers.filter((answer) => !isOurs(answer));
  return {
    allMs: (allUs - faultUs) / 1000,
    firstMs: (Math.min(...back.values()) - faultUs) / 1000,
    refused: after.filter((answer) => isOurs(answer) && !answer.acked).length,
    others: times(others.filter(({ dueUs }) => dueUs >= faultUs && dueUs <= allUs)),
    othersBefore: times(others.filter(({ dueUs }) => dueUs < faultUs)),
    othersRefused: others.filter(({ dueUs, acked }) => dueUs >= faultUs && !acked).length,
  };
}

function times(answers: readonly Answered[]): Histogram {
  const histogram = newHistogram();
  for (const { dueUs, atUs, acked } of answers) if (acked) record(histogram, atUs - dueUs);
  return histogram;
}

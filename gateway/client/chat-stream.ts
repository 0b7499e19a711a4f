import type { Message } from '../../schemas/chat/wire.ts';

/** A durable event of a chat: a message, or the change of one that came before. */
export interface Durable {
  type: 'message' | 'changed';
  message: Message;
}

/**
 * One chat's events in order: takes what arrives late, twice, too early or from a repair, and delivers
 * each event once. `held` is the seq up to which all was delivered; a listener that keeps the message and
 * `held` together resumes from there without gap or repeat.
 */
export interface ChatStream {
  readonly held: number;
  /** Something between `held` and the newest event that was seen is missing. */
  readonly gap: boolean;
  arrived(event: Durable): void;
  /** What `history {after}` gave from a seq at or below `held` up to `head`, in any order, each message once. */
  repaired(found: Iterable<Message>, head: number): void;
  /** Forgets everything: the stream goes on after `head`. */
  reset(head: number): void;
}

export function createChatStream(
  start: number,
  deliver: (event: Durable) => void,
  capacity = 1_000,
): ChatStream {
  let held = start;
  /** The newest position seen; greater than `held` where there is a gap. */
  let seen = start;
  let resets = 0;
  const early = new Map<number, Durable>();

  function step(position: number, event: Durable) {
    held = Math.max(held, position);
    deliver(event);
  }

  function drain() {
    for (let next = early.get(held + 1); next !== undefined; next = early.get(held + 1)) {
      early.delete(held + 1);
      step(held + 1, next);
    }
    if (early.size > 0) for (const position of early.keys()) if (position <= held) early.delete(position);
    seen = Math.max(seen, held);
  }

  return {
    get held() {
      return held;
    },
    get gap() {
      return seen > held;
    },
    arrived(event) {
      const position = event.type === 'message' ? event.message.seq : event.message.changed_seq;
      if (position <= held) return;
      seen = Math.max(seen, position);
      if (position === held + 1) {
        step(position, event);
        drain();
      } else if (early.size < capacity) early.set(position, event); // else the repair brings it
    },
    repaired(found, head) {
      const mine = resets;
      for (const [position, event] of inOrder(found, held)) {
        step(position, event);
        if (mine !== resets) return; // a listener began the stream anew
      }
      held = Math.max(held, head);
      drain();
    },
    reset(head) {
      resets++;
      held = seen = head;
      early.clear();
    },
  };
}

/**
 * A message that is new takes its place by its own seq, in its newest state, however often it was changed
 * since; one that was held before is a change, at the seq of that change.
 */
function inOrder(found: Iterable<Message>, held: number): [number, Durable][] {
  return [...found]
    .filter((message) => message.changed_seq > held)
    .map((message): [number, Durable] =>
      message.seq > held
        ? [message.seq, { type: 'message', message }]
        : [message.changed_seq, { type: 'changed', message }],
    )
    .sort(([one], [other]) => one - other);
}

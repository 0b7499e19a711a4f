import { type Signal, signal } from '@preact/signals';
import type { Chat, Member, Message } from '../../../client/index.ts';

/** One chat as this page knows it. */
export interface ChatModel {
  readonly id: string;
  readonly chat: Signal<Chat>;
  /** The newest message, for the list. */
  readonly last: Signal<Message | null>;
  /** How far this user has read; how far somebody else has, at least. */
  readonly read: Signal<number>;
  readonly othersRead: Signal<number>;
  readonly unread: Signal<number>;
  /** `unread` counts the messages up to this seq. */
  countedTo: number;
  /** Who types now. */
  readonly typing: Signal<readonly string[]>;
  /** The first pages of the members; undefined until asked for. */
  readonly members: Signal<readonly Member[] | undefined>;
  readonly moreMembers: Signal<string | undefined>;
  readonly history: HistoryModel;
}

/** The loaded part of the history: without gaps, up to the newest message. */
export interface HistoryModel {
  /** By seq, the oldest first. */
  readonly messages: Signal<readonly Message[]>;
  readonly state: Signal<'unloaded' | 'loading' | 'loaded' | 'failed'>;
  /** The chat's first message is among them. */
  readonly complete: Signal<boolean>;
  readonly loadingOlder: Signal<boolean>;
  /** Messages that a reply names and that are not loaded; null where there is none. */
  readonly quoted: Map<number, Signal<Message | null | undefined>>;
}

export function createChatModel(chat: Chat): ChatModel {
  return {
    id: chat.id,
    chat: signal(chat),
    last: signal(null),
    read: signal(0),
    othersRead: signal(0),
    unread: signal(0),
    countedTo: 0,
    typing: signal([]),
    members: signal(undefined),
    moreMembers: signal(undefined),
    history: {
      messages: signal([]),
      state: signal('unloaded'),
      complete: signal(false),
      loadingOlder: signal(false),
      quoted: new Map(),
    },
  };
}

/** Where in a list by seq this seq stands, or would stand. */
export function indexOf(messages: readonly Message[], seq: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((messages[middle]?.seq ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The list with this message in its place; the newer state of a message wins. */
export function withMessages(messages: readonly Message[], found: Iterable<Message>): readonly Message[] {
  const next = [...messages];
  for (const message of found) {
    const at = indexOf(next, message.seq);
    const known = next[at];
    if (known?.seq !== message.seq) next.splice(at, 0, message);
    else if (known.changed_seq <= message.changed_seq) next[at] = message;
  }
  return next;
}

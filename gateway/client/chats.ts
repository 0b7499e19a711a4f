import type { Chat, ChatEntry } from '../../schemas/chat/wire.ts';
import { type ChatStream, createChatStream, type Durable } from './chat-stream.ts';
import type { Settings } from './settings.ts';

/** The chats that this client follows, each with its stream. */
export interface Chats {
  stream(chatId: string): ChatStream | undefined;
  /** Every chat with the seq up to which its events were delivered. */
  held(): Map<string, number>;
  /** `message.new` or `message.changed` came. */
  arrived(event: Durable): void;
  /** `chat.new`, or the answer of a request that made or joined a chat. */
  joined(chat: Chat): void;
  /** An entry of `sync`; `sent` is the seq that the client said it held, if it did. */
  entry(entry: ChatEntry, sent: number | undefined): void;
  gone(chatId: string): void;
  /** Begins the chat's stream just after `after`, wherever it was. */
  follow(chatId: string, after: number): void;
  /** The server's copy ends at `head`, or ours is too far behind: goes on after it. */
  reset(chatId: string, head: number): void;
  /** A first `sync` is under way: what arrives for chats not known yet waits for its end. */
  syncing(): void;
  synced(): void;
}

export interface ChatsParts {
  settings: Settings;
  /** What an application's own copy holds, by chat. */
  held: Iterable<[string, number]> | undefined;
  on: {
    deliver(event: Durable): void;
    chat(chat: Chat, entry?: ChatEntry): void;
    gone(chatId: string): void;
    reset(chatId: string, head: number): void;
    /** The chat's history must be asked for: from `held`, at least up to `head` where that is known. */
    behind(chatId: string, head?: number): void;
  };
}

export function createChats({ settings, held, on }: ChatsParts): Chats {
  const streams = new Map<string, ChatStream>();
  for (const [chatId, seq] of held ?? []) begin(chatId, seq);
  /**
   * From the first complete `sync` on (or with an application's copy) the list is whole: a private chat
   * that is not in it is new from its first message on.
   */
  let whole = held !== undefined;
  let strangers: Durable[] | undefined;

  function begin(chatId: string, seq: number): ChatStream {
    const stream = createChatStream(seq, on.deliver, settings.earlyEvents);
    streams.set(chatId, stream);
    return stream;
  }

  function take(stream: ChatStream, event: Durable) {
    stream.arrived(event);
    if (stream.gap) on.behind(event.message.chat_id);
  }

  /** A chat's frames may come before its `chat.new`, which waits for PostgreSQL. */
  function adopt({ type, message }: Durable): ChatStream {
    const isPrivate = message.receiver_id !== undefined;
    const position = type === 'message' ? message.seq : message.changed_seq;
    return begin(message.chat_id, isPrivate ? 0 : position - 1);
  }

  function start(chat: Chat, head: number): ChatStream {
    const stream = begin(chat.id, whole && chat.type === 'private' ? 0 : head);
    if (stream.held < head) on.behind(chat.id, head);
    return stream;
  }

  const chats: Chats = {
    stream: (chatId) => streams.get(chatId),
    held: () => new Map([...streams].map(([chatId, stream]) => [chatId, stream.held])),
    arrived(event) {
      const known = streams.get(event.message.chat_id);
      if (known !== undefined) return take(known, event);
      if (strangers === undefined) take(adopt(event), event);
      // What finds no room is a gap later, or is in the heads of the answer that is awaited.
      else if (strangers.length < settings.earlyEvents) strangers.push(event);
    },
    joined(chat) {
      if (!streams.has(chat.id)) start(chat, chat.head);
      on.chat(chat);
    },
    entry(entry, sent) {
      const { chat, head } = entry;
      const stream = streams.get(chat.id);
      on.chat(chat, entry);
      if (stream === undefined) start(chat, head);
      // Compared with what was sent: the answer may be older than what has arrived since.
      else if (sent !== undefined && head < sent) chats.reset(chat.id, head);
      else if (head > stream.held) on.behind(chat.id, head);
    },
    gone(chatId) {
      if (streams.delete(chatId)) on.gone(chatId);
    },
    follow(chatId, after) {
      const stream = streams.get(chatId);
      if (stream === undefined) begin(chatId, after);
      else stream.reset(after);
      on.behind(chatId);
    },
    reset(chatId, head) {
      streams.get(chatId)?.reset(head);
      on.reset(chatId, head);
      // What came while the answer was under way is forgotten, too.
      on.behind(chatId);
    },
    syncing() {
      if (!whole) strangers ??= [];
    },
    synced() {
      whole = true;
      const waiting = strangers ?? [];
      strangers = undefined;
      for (const event of waiting) chats.arrived(event);
    },
  };
  return chats;
}

import { type Signal, signal } from '@preact/signals';
import type { Client, Message } from '../../../client/index.ts';
import { type ChatModel, indexOf, withMessages } from './model.ts';

/** Loads the messages of chats. The server gives pages; live messages join them without a gap. */
export interface History {
  /** Loads the newest page, unless it is there. */
  open(chat: ChatModel): Promise<void>;
  /** One page further back. */
  older(chat: ChatModel): Promise<void>;
  /** Loads back to this seq; false where that is out of reach. */
  reach(chat: ChatModel, seq: number): Promise<boolean>;
  /** A new or changed message came. */
  arrived(chat: ChatModel, message: Message): void;
  /** The loaded part is no copy of the server's any more. */
  drop(chat: ChatModel): void;
  /** A message that a reply names, loaded or fetched. Null: there is none. */
  quoted(chat: ChatModel, seq: number): Signal<Message | null | undefined>;
  /** Keeps only the newest messages of a chat that was left. */
  trim(chat: ChatModel): void;
}

const firstPage = 60;
const longestPage = 200;
const olderPage = 120;
/** Pages that one jump to an old message may load. */
const mostPages = 100;
const keptWhenLeft = 200;

export function createHistory(client: Client): History {
  /** What came while a first page was under way. */
  const arriving = new Map<ChatModel, Message[]>();
  const olderUnderWay = new Map<ChatModel, Promise<void>>();
  /** Changes since the last turn of the event loop: one new list for all of them. */
  const changes = new Map<ChatModel, Message[]>();

  async function open(chat: ChatModel) {
    const { state, messages, complete } = chat.history;
    if (state.value === 'loading' || state.value === 'loaded') return;
    state.value = 'loading';
    const since: Message[] = [];
    arriving.set(chat, since);
    try {
      const limit = Math.min(longestPage, firstPage + chat.unread.value);
      const page = await client.history(chat.id, { limit });
      if (arriving.get(chat) !== since) return;
      arriving.delete(chat);
      messages.value = withMessages(page.messages.toReversed(), since);
      complete.value = !page.has_more;
      state.value = 'loaded';
    } catch {
      if (arriving.get(chat) !== since) return;
      arriving.delete(chat);
      state.value = 'failed';
    }
  }

  async function loadOlder(chat: ChatModel, limit: number) {
    const { messages, complete, loadingOlder } = chat.history;
    const [first] = messages.value;
    if (first === undefined || complete.value) return;
    loadingOlder.value = true;
    try {
      const page = await client.history(chat.id, { before: first.seq, limit });
      if (messages.value[0]?.seq !== first.seq) return; // dropped, or trimmed, meanwhile
      messages.value = [...page.messages.toReversed(), ...messages.value];
      complete.value = !page.has_more;
    } finally {
      loadingOlder.value = false;
    }
  }

  function older(chat: ChatModel, limit = olderPage): Promise<void> {
    const underWay = olderUnderWay.get(chat);
    if (underWay !== undefined) return underWay;
    const loading = loadOlder(chat, limit).finally(() => olderUnderWay.delete(chat));
    olderUnderWay.set(chat, loading);
    return loading;
  }

  function publish() {
    for (const [{ history }, found] of changes) {
      const start = history.messages.value[0]?.seq ?? 0;
      // What is older than the loaded part comes with its page.
      const inside = found.filter(({ seq }) => seq >= start);
      if (inside.length > 0) history.messages.value = withMessages(history.messages.value, inside);
    }
    changes.clear();
  }

  return {
    open,
    older: (chat) => older(chat).catch(() => {}), // scrolling on asks again
    async reach(chat, seq) {
      await open(chat);
      const { messages, complete } = chat.history;
      for (let page = 0; page < mostPages; page++) {
        const first = messages.value[0]?.seq ?? Number.POSITIVE_INFINITY;
        if (first <= seq || complete.value) break;
        await older(chat, longestPage);
      }
      return messages.value[indexOf(messages.value, seq)]?.seq === seq;
    },
    arrived(chat, message) {
      const quote = chat.history.quoted.get(message.seq);
      if (quote !== undefined) quote.value = message;
      arriving.get(chat)?.push(message);
      if (chat.history.state.value !== 'loaded') return;
      if (changes.size === 0) queueMicrotask(publish);
      const list = changes.get(chat) ?? [];
      changes.set(chat, list);
      list.push(message);
    },
    drop(chat) {
      const { history } = chat;
      arriving.delete(chat);
      changes.delete(chat);
      history.messages.value = [];
      history.complete.value = false;
      history.state.value = 'unloaded';
    },
    quoted(chat, seq) {
      const known = chat.history.quoted.get(seq);
      if (known !== undefined) return known;
      const { messages } = chat.history;
      const loaded = messages.peek()[indexOf(messages.peek(), seq)];
      const quote = signal<Message | null | undefined>(loaded?.seq === seq ? loaded : undefined);
      chat.history.quoted.set(seq, quote);
      if (quote.peek() === undefined) void fetchQuote(seq, chat, quote);
      return quote;
    },
    trim({ history }) {
      if (history.messages.value.length <= keptWhenLeft) return;
      history.messages.value = history.messages.value.slice(-keptWhenLeft);
      history.complete.value = false;
    },
  };

  async function fetchQuote(seq: number, chat: ChatModel, quote: Signal<Message | null | undefined>) {
    try {
      const { messages } = await client.history(chat.id, { before: seq + 1, limit: 1 });
      quote.value = messages[0]?.seq === seq ? messages[0] : null;
    } catch {
      chat.history.quoted.delete(seq); // the next one who looks asks again
    }
  }
}

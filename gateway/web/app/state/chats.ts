import { batch, computed, type ReadonlySignal, signal } from '@preact/signals';
import type { Chat, ChatEntry, Client, Message } from '../../../client/index.ts';
import type { History } from './history.ts';
import { type ChatModel, createChatModel } from './model.ts';
import type { PendingModel } from './pending.ts';
import type { PeopleModel } from './people.ts';

/** All chats of the user, kept up to date by the SDK's events. */
export interface Chats {
  readonly all: ReadonlySignal<ReadonlyMap<string, ChatModel>>;
  /** The newest activity first. */
  readonly sorted: ReadonlySignal<readonly ChatModel[]>;
  readonly unread: ReadonlySignal<number>;
  /** Fetches members and what was changed of the chat itself. */
  refresh(chat: ChatModel): Promise<void>;
  moreMembers(chat: ChatModel): Promise<void>;
  /** The user has read up to this seq. */
  read(chat: ChatModel, seq: number): void;
}

export interface ChatsParts {
  client: Client;
  userId: string;
  people: PeopleModel;
  history: History;
  pending: () => PendingModel;
  /** A message of somebody else came in a chat that is known. */
  incoming(chat: ChatModel, message: Message): void;
  gone(chat: ChatModel): void;
}

/** Messages that came before their chat did. */
const mostEarly = 100;
const refreshDelayMs = 200;

export function createChats(parts: ChatsParts): Chats {
  const { client, userId, people, history } = parts;
  const all = signal<ReadonlyMap<string, ChatModel>>(new Map());
  const early = new Map<string, Message[]>();
  const refreshing = new Set<ChatModel>();

  const activity = ({ last, chat }: ChatModel) => last.value?.created_at ?? chat.value.created_at;
  const sorted = computed(() =>
    [...all.value.values()].sort((one, other) => (activity(one) < activity(other) ? 1 : -1)),
  );
  const unread = computed(() => sorted.value.reduce((sum, chat) => sum + chat.unread.value, 0));

  client.on('chat', ({ chat, entry }) => batch(() => upsert(chat, entry)));
  client.on('chat_gone', ({ chat_id }) => {
    const found = all.value.get(chat_id);
    if (found === undefined) return;
    const next = new Map(all.value);
    next.delete(chat_id);
    all.value = next;
    parts.gone(found);
  });
  client.on('message', (message) => batch(() => arrived(message)));
  client.on('changed', (message) => batch(() => changed(message)));
  client.on('reset', ({ chat_id }) => {
    const chat = all.value.get(chat_id);
    if (chat !== undefined) history.drop(chat);
  });
  client.on('read', ({ chat_id, user_id, seq }) => {
    const chat = all.value.get(chat_id);
    if (chat === undefined) return;
    if (user_id === userId) markRead(chat, seq);
    else chat.othersRead.value = Math.max(chat.othersRead.value, seq);
  });
  client.on('typing', ({ chat_id, user_id, active }) => {
    const chat = all.value.get(chat_id);
    if (chat === undefined || user_id === userId) return;
    const others = chat.typing.value.filter((id) => id !== user_id);
    chat.typing.value = active ? [...others, user_id] : others;
  });

  function upsert(chat: Chat, entry: ChatEntry | undefined) {
    if (chat.peer !== undefined) people.learn([chat.peer]);
    const known = all.value.get(chat.id);
    const model = known ?? createChatModel(chat);
    model.chat.value = chat;
    if (entry !== undefined) enter(model, entry);
    if (known === undefined) {
      all.value = new Map([...all.value, [chat.id, model]]);
      if (entry === undefined) void fetchLast(model);
      const before = early.get(chat.id) ?? [];
      early.delete(chat.id);
      for (const message of before) arrived(message);
    }
  }

  function enter(model: ChatModel, entry: ChatEntry) {
    if ((entry.last_message?.seq ?? 0) >= (model.last.value?.seq ?? 0)) model.last.value = entry.last_message;
    model.othersRead.value = Math.max(model.othersRead.value, entry.peer_read ?? 0);
    model.countedTo = entry.head;
    model.unread.value = entry.unread;
    const mine = model.read.value;
    model.read.value = Math.max(mine, entry.read);
    if (mine > entry.read) recount(model);
  }

  /** A chat that a reply or `chat.new` brought: what its list entry would have said. */
  async function fetchLast(model: ChatModel) {
    const page = await client.history(model.id, { limit: 1 }).catch(() => undefined);
    const [last] = page?.messages ?? [];
    if (last !== undefined && last.seq > (model.last.value?.seq ?? 0)) model.last.value = last;
  }

  function arrived(message: Message) {
    const chat = all.value.get(message.chat_id);
    if (chat === undefined) {
      const list = early.get(message.chat_id) ?? [];
      early.set(message.chat_id, list);
      if (list.length < mostEarly) list.push(message);
      return;
    }
    history.arrived(chat, message);
    if (message.seq >= (chat.last.value?.seq ?? 0)) chat.last.value = message;
    if (message.kind === 'service') void refreshSoon(chat);
    if (message.sender_id === userId) {
      parts.pending().taken(message.client_id);
      if (message.kind !== 'service') markRead(chat, message.seq);
      return;
    }
    if (message.kind === 'service' || message.seq <= chat.countedTo) return;
    chat.countedTo = message.seq;
    if (message.seq > chat.read.value) chat.unread.value++;
    parts.incoming(chat, message);
  }

  function changed(message: Message) {
    const chat = all.value.get(message.chat_id);
    if (chat === undefined) return;
    history.arrived(chat, message);
    if (chat.last.value?.seq === message.seq) chat.last.value = message;
  }

  function markRead(chat: ChatModel, seq: number) {
    if (seq <= chat.read.value) return;
    chat.read.value = seq;
    recount(chat);
  }

  function recount(chat: ChatModel) {
    const { messages, complete } = chat.history;
    const read = chat.read.value;
    const first = messages.value[0]?.seq;
    if (read >= Math.max(chat.countedTo, chat.last.value?.seq ?? 0)) chat.unread.value = 0;
    else if (first !== undefined && (complete.value || first <= read + 1))
      chat.unread.value = messages.value.filter(
        ({ seq, sender_id, kind }) => seq > read && sender_id !== userId && kind !== 'service',
      ).length;
  }

  /** One question for a burst of joins. */
  async function refreshSoon(chat: ChatModel) {
    if (refreshing.has(chat)) return;
    refreshing.add(chat);
    await new Promise((resolve) => setTimeout(resolve, refreshDelayMs));
    refreshing.delete(chat);
    if (all.value.has(chat.id)) await refresh(chat);
  }

  async function refresh(chat: ChatModel) {
    const answer = await client.chat(chat.id).catch(() => undefined); // the next service message asks again
    if (answer === undefined) return;
    batch(() => {
      people.learn(answer.members.map(({ user }) => user));
      chat.chat.value = answer.chat;
      chat.members.value = answer.members;
      chat.moreMembers.value = answer.next_cursor;
      const others = answer.members.filter(({ user }) => user.id !== userId);
      chat.othersRead.value = Math.max(chat.othersRead.value, ...others.map(({ read }) => read));
    });
  }

  return {
    all,
    sorted,
    unread,
    refresh,
    async moreMembers(chat) {
      const cursor = chat.moreMembers.value;
      if (cursor === undefined) return;
      const answer = await client.chat(chat.id, cursor);
      if (chat.moreMembers.value !== cursor) return;
      people.learn(answer.members.map(({ user }) => user));
      chat.members.value = [...(chat.members.value ?? []), ...answer.members];
      chat.moreMembers.value = answer.next_cursor;
    },
    read(chat, seq) {
      if (seq <= chat.read.value) return;
      client.read(chat.id, seq);
      markRead(chat, seq);
    },
  };
}

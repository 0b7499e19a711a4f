import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import {
  type Client,
  connect,
  indexedDbStorage,
  type Message,
  memoryStorage,
  type OutboxStorage,
  type TokensAnswer,
} from '../../../client/index.ts';
import { type Chats, createChats } from './chats.ts';
import { createHistory, type History } from './history.ts';
import { keepUser, renewTogether } from './login.ts';
import type { ChatModel } from './model.ts';
import { createPending, type PendingModel } from './pending.ts';
import { createPeople, type PeopleModel } from './people.ts';
import { createProfile, type ProfileModel } from './profile.ts';

/** Everything that one logged-in user has on this page. */
export interface Session {
  readonly client: Client;
  readonly userId: string;
  readonly people: PeopleModel;
  readonly profile: ProfileModel;
  readonly chats: Chats;
  readonly history: History;
  readonly pending: PendingModel;
  /** `lost`: there was a connection, or there should have been one by now. */
  readonly link: ReadonlySignal<'connecting' | 'ready' | 'lost'>;
  /** The chat list has been fetched once. */
  readonly synced: ReadonlySignal<boolean>;
  /** The newest message of somebody else, for whoever announces it. */
  readonly incoming: ReadonlySignal<{ chat: ChatModel; message: Message } | undefined>;
  /** The chat that the user was removed from, or has left, last. */
  readonly gone: Signal<ChatModel | undefined>;
  close(): void;
}

export interface SessionEvents {
  /** The login is over. */
  signedOut(): void;
}

/** Longer than a connection takes; until then an absent one is not worth a word. */
const patienceMs = 2_000;

export function createSession(tokens: TokensAnswer, on: SessionEvents): Session {
  const userId = tokens.user.id;
  const storage = outboxOf(userId);
  const client = connect({
    url: location.origin,
    tokens,
    storage,
    renew: (spent, refresh) => renewTogether(userId, spent, refresh),
  });
  const link = signal<'connecting' | 'ready' | 'lost'>('connecting');
  const synced = signal(false);
  const incoming = signal<{ chat: ChatModel; message: Message } | undefined>(undefined);
  const gone = signal<ChatModel | undefined>(undefined);

  const impatience = setTimeout(() => {
    if (link.value === 'connecting') link.value = 'lost';
  }, patienceMs);
  client.on('ready', () => {
    link.value = 'ready';
  });
  client.on('disconnected', () => {
    link.value = 'lost';
  });
  client.on('synced', () => {
    synced.value = true;
  });
  client.on('signed_out', on.signedOut);

  const people = createPeople(client);
  client.on('presence', people.learnPresence);
  const profile = createProfile({
    client,
    known: tokens.user,
    seen(mine) {
      people.learn([mine]);
      void keepUser({ ...mine }).catch(() => {}); // the next tokens bring it, too
    },
  });
  const history = createHistory(client);
  const chats = createChats({
    client,
    userId,
    people,
    history,
    pending: () => pending,
    incoming(chat, message) {
      incoming.value = { chat, message };
    },
    gone(chat) {
      gone.value = chat;
    },
  });
  const pending = createPending(client, storage, (sent, receipt) => {
    // The message itself may come a little later than the answer; meanwhile it looks like this.
    const chat = chats.all.value.get(receipt.chat_id);
    if (chat !== undefined) history.arrived(chat, ownMessage(userId, sent, receipt));
  });

  const nudge = () => client.nudge();
  const nudgeWhenSeen = () => document.visibilityState === 'visible' && client.nudge();
  addEventListener('online', nudge);
  addEventListener('offline', nudge);
  document.addEventListener('visibilitychange', nudgeWhenSeen);

  return {
    client,
    userId,
    people,
    profile,
    chats,
    history,
    pending,
    link,
    synced,
    incoming,
    gone,
    close() {
      clearTimeout(impatience);
      removeEventListener('online', nudge);
      removeEventListener('offline', nudge);
      document.removeEventListener('visibilitychange', nudgeWhenSeen);
      client.close();
    },
  };
}

function ownMessage(
  userId: string,
  sent: { text: string; reply_to?: number; client_id: string },
  receipt: { chat_id: string; seq: number; created_at: string },
): Message {
  const { chat_id, seq, created_at } = receipt;
  return {
    chat_id,
    seq,
    sender_id: userId,
    kind: 'text',
    text: sent.text,
    media: null,
    reply_to: sent.reply_to ?? null,
    service: null,
    client_id: sent.client_id,
    created_at,
    edited_at: null,
    deleted_at: null,
    changed_seq: seq,
    reactions: [],
  };
}

/** A browser that keeps nothing still sends: then a reload loses what is unsent. */
function outboxOf(userId: string): OutboxStorage {
  const kept = indexedDbStorage(`suhbat-outbox-${userId}`);
  const fallback = memoryStorage();
  let chosen: Promise<OutboxStorage> | undefined;
  const storage = () => {
    chosen ??= kept.load().then(
      () => kept,
      () => fallback,
    );
    return chosen;
  };
  return {
    load: async () => (await storage()).load(),
    put: async (send) => (await storage()).put(send),
    remove: async (clientId) => (await storage()).remove(clientId),
  };
}

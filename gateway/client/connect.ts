import type { Chat, Message } from '../../schemas/chat/wire.ts';
import type { EventFields, Presence } from '../../schemas/frames/server.ts';
import { uuidV7Maker } from '../../schemas/ids.ts';
import { createAccount } from './account.ts';
import { createAskAsUser } from './ask-as-user.ts';
import { createCalls } from './calls.ts';
import { createChats } from './chats.ts';
import type { Client, ConnectOptions } from './client.ts';
import { ClientError } from './client-error.ts';
import type { ServerFrame } from './connection.ts';
import { type ClientEvents, createEmitter } from './events.ts';
import { createOutbox } from './outbox.ts';
import { memoryStorage } from './outbox-storage.ts';
import { createPeople } from './people.ts';
import { defaultPlatform, type Platform } from './platform.ts';
import { createPresenceWatch } from './presence.ts';
import { createReadMarks } from './reads.ts';
import { createReconnect, type Ready } from './reconnect.ts';
import { createRepair } from './repair.ts';
import { createRequests } from './requests.ts';
import { baseOf, createRest, type TokensAnswer } from './rest.ts';
import { createResume } from './resume.ts';
import { defaultSettings, type Settings } from './settings.ts';
import { createTokens } from './tokens.ts';
import { createTyping } from './typing.ts';

/** Connects, and stays connected until `close`. Throws a TypeError for a URL that is none. */
export function connect(options: ConnectOptions): Client {
  const platform: Platform = { ...defaultPlatform, ...options.platform };
  const settings: Settings = { ...defaultSettings, ...options.settings };
  const url = baseOf(options.url);
  const { on, emit } = createEmitter<ClientEvents>();
  const problem = (error: ClientError) => emit('problem', error);

  let userId: string | undefined;
  let lastReady: Ready | undefined;
  let ended: ClientError | undefined;
  /** The server's clock minus ours: ids in its future would cost it a look-up each. */
  let clockSkewMs = 0;
  const newId = uuidV7Maker(() => platform.now() + clockSkewMs);

  // A lost answer to a refresh can be had again for 10 s, so we do not wait for one long.
  const accounts = createRest(url, { platform, timeoutMs: Math.min(3_000, settings.requestTimeoutMs) });
  const refreshToken = (refresh_token: string) =>
    accounts.post<TokensAnswer>('/api/v1/auth/refresh', { refresh_token });
  const tokens = createTokens({
    platform,
    settings,
    given: options.tokens,
    refresh: (spent) =>
      options.renew ? options.renew(spent, refreshToken) : refreshToken(spent.refresh_token),
    onTokens: options.onTokens ?? (() => {}),
    problem,
  });
  const rest = createRest(url, { platform, timeoutMs: settings.requestTimeoutMs });
  const asUser = createAskAsUser(rest, tokens);
  const requests = createRequests(platform, settings);
  const outbox = createOutbox({
    platform,
    settings,
    requests,
    storage: options.storage ?? memoryStorage(),
    newId,
    on: {
      sent(receipt) {
        reads.learned(receipt.chat_id, receipt.seq); // sending moves one's own mark
        emit('sent', receipt);
      },
      failed: (client_id, error) => emit('send_failed', { client_id, error }),
      problem,
    },
  });
  const kept = options.held && Object.entries(options.held);
  const reads = createReadMarks({
    platform,
    settings,
    requests,
    held: kept?.map(([chatId, { read }]) => [chatId, read]),
    problem,
  });
  const typing = createTyping(platform, (event) => emit('typing', event));
  const presence = createPresenceWatch({
    platform,
    settings,
    requests,
    emit: (one) => emit('presence', one),
    problem,
  });
  const chats = createChats({
    settings,
    held: kept?.map(([chatId, { seq }]) => [chatId, seq]),
    on: {
      deliver({ type, message }) {
        if (type === 'message') typing.ended(message.chat_id, message.sender_id);
        emit(type, message);
      },
      chat: (chat, entry) => emit('chat', { chat, ...(entry && { entry }) }),
      gone(chatId) {
        repair.drop(chatId);
        reads.forget(chatId);
        emit('chat_gone', { chat_id: chatId });
      },
      reset(chatId, head) {
        repair.drop(chatId);
        emit('reset', { chat_id: chatId, head });
      },
      behind: (chatId, head) => repair.need(chatId, head),
    },
  });
  const caughtUp = () => {
    if (resume.idle && repair.idle && reconnect.status === 'ready') emit('synced', {});
  };
  const repair = createRepair({
    platform,
    settings,
    requests,
    stream: chats.stream,
    on: { gone: chats.gone, reset: chats.reset, idle: caughtUp, problem },
  });
  const resume = createResume({
    platform,
    settings,
    requests,
    chats,
    reads,
    on: { done: caughtUp, problem },
  });

  const reconnect = createReconnect({
    platform,
    settings,
    url: `${url.replace(/^http/, 'ws')}/ws`,
    tokens,
    requests,
    on: {
      ready(ready) {
        userId = ready.user_id;
        lastReady = ready;
        clockSkewMs = Date.parse(ready.server_time) - platform.now();
        resume.start();
        repair.ready();
        outbox.ready();
        reads.ready();
        presence.ready();
        emit('ready', ready);
      },
      event,
      down(down) {
        resume.down();
        repair.down();
        outbox.down();
        reads.down();
        presence.down();
        emit('disconnected', down);
      },
      signedOut(error) {
        end(error);
        emit('signed_out', { error });
      },
      stopped(code, reason) {
        end(new ClientError({ code: 'unavailable', reason: 'stopped', retryable: false }));
        emit('stopped', { code, reason });
      },
      problem,
    },
  });

  /** Every event of the protocol; fields are the server's word. */
  function event(frame: ServerFrame) {
    const { type, ...rest } = frame;
    const fields = rest as unknown;
    switch (type) {
      case 'message.new':
        return chats.arrived({ type: 'message', message: fields as Message });
      case 'message.changed':
        return chats.arrived({ type: 'changed', message: fields as Message });
      case 'chat.new':
        return chats.joined((fields as { chat: Chat }).chat);
      case 'chat.gone':
        return chats.gone((fields as EventFields<'chat.gone'>).chat_id);
      case 'read': {
        const read = fields as EventFields<'read'>;
        if (read.user_id === userId) reads.learned(read.chat_id, read.seq);
        return emit('read', read);
      }
      case 'typing':
        return typing.arrived(fields as EventFields<'typing'>);
      case 'presence':
        return emit('presence', fields as Presence);
      case 'resync': {
        const { chat_id } = fields as EventFields<'resync'>;
        if (chat_id !== undefined && chats.stream(chat_id) !== undefined) return repair.recheck(chat_id);
        if (chat_id === undefined) presence.ready();
        return resume.start();
      }
      default:
        emit('other', frame);
    }
  }

  function end(error: ClientError) {
    ended = error;
    reconnect.close();
    resume.down();
    repair.down();
    reads.down();
    presence.down();
    outbox.close(error);
    requests.close(error);
    typing.close();
    tokens.close();
    accounts.close();
    rest.close();
    for (const reject of waiting) reject(error);
    waiting.clear();
  }

  const waiting = new Set<(error: ClientError) => void>();
  /** The next event of this name, or the end. */
  function next<K extends keyof ClientEvents>(name: K): Promise<ClientEvents[K]> {
    if (ended !== undefined) return Promise.reject(ended);
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      const off = on(name, (value) => {
        off();
        waiting.delete(reject);
        resolve(value);
      });
    });
  }

  reconnect.start();

  return {
    ...createCalls(requests.whenReady, chats.joined),
    ...createPeople(asUser),
    ...createAccount(asUser),
    get status() {
      return reconnect.status;
    },
    get userId() {
      return userId;
    },
    get unsent() {
      return outbox.size;
    },
    on,
    newId,
    ready: () => (reconnect.status === 'ready' && lastReady ? Promise.resolve(lastReady) : next('ready')),
    async synced() {
      if (reconnect.status !== 'ready' || !resume.idle || !repair.idle) await next('synced');
    },
    request: requests.whenReady,
    send: outbox.send,
    read: reads.read,
    typing(chatId, active) {
      requests.now('typing', { chat_id: chatId, active }).catch(() => {}); // the next one tells anew
    },
    watchPresence: presence.watch,
    follow(chatId, after) {
      repair.drop(chatId);
      chats.follow(chatId, after);
    },
    nudge: reconnect.nudge,
    held: () =>
      Object.fromEntries(
        [...chats.held()].map(([chatId, seq]) => [chatId, { seq, read: reads.mark(chatId) }]),
      ),
    close() {
      if (ended === undefined)
        end(new ClientError({ code: 'unavailable', reason: 'closed', retryable: false }));
    },
  };
}

import type { Presence } from '../../schemas/frames/server.ts';
import type { Account } from './account.ts';
import type { Calls } from './calls.ts';
import type { ClientEvents, Emitter } from './events.ts';
import type { SendFields, SendReceipt } from './outbox.ts';
import type { OutboxStorage } from './outbox-storage.ts';
import type { People } from './people.ts';
import type { Platform } from './platform.ts';
import type { Ready, Status } from './reconnect.ts';
import type { Request } from './requests.ts';
import type { TokensAnswer } from './rest.ts';
import type { Settings } from './settings.ts';
import type { Tokens } from './tokens.ts';

export interface ConnectOptions {
  /** The server's http(s) URL. */
  url: string;
  /** What register, login or refresh answered, or a function that gets it. */
  tokens: Tokens | (() => Promise<Tokens>);
  /** Called with every new pair, before it is used: keep it, the old refresh token is spent. */
  onTokens?: (tokens: TokensAnswer) => unknown;
  /**
   * Renews the tokens in place of the SDK, which hands over the spent ones and its own way to renew. For
   * programs that share one login, as the tabs of a browser do: under a lock, answer with what another one
   * has got, `expires_in` being what is left of it.
   */
  renew?: (spent: Tokens, refresh: (refreshToken: string) => Promise<TokensAnswer>) => Promise<TokensAnswer>;
  /** Where unsent messages are kept. Default: in memory. */
  storage?: OutboxStorage;
  /** What the application's own copy holds: by chat, `{seq, read}` as `Client.held` gave it. */
  held?: Record<string, Held>;
  settings?: Partial<Settings>;
  platform?: Partial<Platform>;
}

/** How far one chat was delivered, and read by the user. */
export interface Held {
  seq: number;
  read: number;
}

/** A connected user. Everything that can fail rejects with a ClientError. */
export interface Client extends Calls, People, Account {
  readonly status: Status;
  /** Known after the first `ready`. */
  readonly userId: string | undefined;
  on: Emitter<ClientEvents>['on'];
  /** Resolves when connected; rejects when the client has ended. */
  ready(): Promise<Ready>;
  /** Resolves when every chat has caught up; rejects when the client has ended. */
  synced(): Promise<void>;
  /**
   * Any request of the protocol. It waits for a connection, and for the next one where this one is about to end; a reply
   * that is lost with one is `timeout`.
   */
  request: Request;
  /** Sends a text, once and in order, however often the connection breaks. See `Outbox`. */
  send(fields: SendFields): Promise<SendReceipt>;
  /** Messages that are not acked yet. */
  readonly unsent: number;
  /** A `client_id` for `send`, greater than all before. */
  newId(): string;
  /** The user has read up to `seq`. Told as soon as possible; the newest mark wins. */
  read(chatId: string, seq: number): void;
  /** The user types, or has stopped. Lost without harm. */
  typing(chatId: string, active: boolean): void;
  /** Replaces the list of watched users (≤ 200) and tells how they are now; changes come as `presence`. */
  watchPresence(userIds: string[]): Promise<Presence[]>;
  /**
   * Streams the chat from just after `after` on; 0 gives it whole. Chats that nobody asks for begin at
   * their head; a private chat that somebody opens while the client knows its chats, at its first message.
   */
  follow(chatId: string, after: number): void;
  /** The network may have come, gone or changed: ends a wait for it, or finds out soon that the link is dead. */
  nudge(): void;
  /** How far each chat was delivered and read: what `ConnectOptions.held` takes in the next run. */
  held(): Record<string, Held>;
  /** Ends it: no timer and no open promise is left. What was not acked rejects, and stays in the storage. */
  close(): void;
}

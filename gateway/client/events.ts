import type { Chat, ChatEntry, Message } from '../../schemas/chat/wire.ts';
import type { EventFields } from '../../schemas/frames/server.ts';
import type { ClientError } from './client-error.ts';
import type { SendReceipt } from './outbox.ts';

/** What a client tells its application, by name. */
export interface ClientEvents {
  /** Connected and authenticated; `synced` follows. */
  ready: EventFields<'ready'>;
  /** Every chat has caught up with what happened while the client was away. */
  synced: Record<string, never>;
  /** The connection ended; `reconnect_in_ms` is absent when it will not be tried again. */
  disconnected: { code: number; reason: string; reconnect_in_ms?: number };
  /** The login is over (the refresh was refused, or 4003): sign in again with a new client. */
  signed_out: { error: ClientError };
  /** The server closed for good with 4002 or 4013: a fault of this program. */
  stopped: { code: number; reason: string };

  /** A chat that is new to this client, or whose head or read mark moved while it was away. */
  chat: { chat: Chat; entry?: ChatEntry };
  chat_gone: { chat_id: string };
  /** A new message. Per chat `message` and `changed` come in the chat's order, without gap or repeat. */
  message: Message;
  /** A message that came before was edited, deleted or reacted to: its newest state. */
  changed: Message;
  /** Drop the copy of this chat and read `history` anew: it cannot be repaired. The stream goes on after `head`. */
  reset: { chat_id: string; head: number };
  read: EventFields<'read'>;
  /** Ends by itself: `active: false` follows after 6 s, or with the user's message. */
  typing: EventFields<'typing'>;
  presence: EventFields<'presence'>;

  /** A message of the outbox, also of an earlier run, was acked. */
  sent: SendReceipt;
  /** A message of the outbox was refused for good. */
  send_failed: { client_id: string; error: ClientError };

  /** An event of a type that this SDK has no more to do with, as it came. */
  other: { type: string; [field: string]: unknown };
  /** Something failed that no caller waits for. For the log. */
  problem: ClientError;
}

export interface Emitter<Events> {
  /** Calls `listener` for each event of this name until the returned function is called. */
  on<K extends keyof Events>(event: K, listener: (value: Events[K]) => void): () => void;
  emit<K extends keyof Events>(event: K, value: Events[K]): void;
}

/**
 * Listeners run in the order they were added. One that throws disturbs neither the others nor the SDK:
 * its error is reported as uncaught, as that of an EventTarget's listener is.
 */
export function createEmitter<Events extends object>(): Emitter<Events> {
  const listeners = new Map<keyof Events, Set<(value: never) => void>>();
  return {
    on(event, listener) {
      const set = listeners.get(event) ?? new Set();
      listeners.set(event, set);
      const own = (value: never) => listener(value);
      set.add(own);
      return () => void set.delete(own);
    },
    emit(event, value) {
      for (const listener of [...(listeners.get(event) ?? [])]) {
        try {
          listener(value as never);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}

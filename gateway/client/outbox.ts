import { type Backoff, createBackoff } from './backoff.ts';
import { asClientError, ClientError, isFinal } from './client-error.ts';
import type { OutboxStorage, StoredSend } from './outbox-storage.ts';
import type { Platform } from './platform.ts';
import type { Requests } from './requests.ts';
import type { Settings } from './settings.ts';

/**
 * The messages that are not acked yet. Each keeps its `client_id` for life and is sent until it is acked
 * or refused for good, over reconnects, refusals that may pass and unknown outcomes alike: the server
 * takes a `client_id` once.
 *
 * **Order.** Per chat the next message is sent when the one before is acked (or refused for good); chats
 * do not wait for each other. Sending ahead would be faster by a round trip, but then a `rate_limited` for
 * message k, which the gateway gives before anything is in order, could let k+1 pass it.
 */
export interface Outbox {
  /** Resolves when acked. Rejects when refused for good, or when the client ends before (see `close`). */
  send(fields: SendFields): Promise<SendReceipt>;
  readonly size: number;
  ready(): void;
  down(): void;
  /** Rejects everybody who waits: `timeout` where the message may have been sent. Storage keeps the messages. */
  close(error: ClientError): void;
}

export type SendFields = ({ chat_id: string; user_id?: never } | { user_id: string; chat_id?: never }) & {
  text: string;
  /** The seq that this answers. */
  reply_to?: number;
  /** Made by the SDK unless the application has made one (a UUID, version 7 by preference). */
  client_id?: string;
};

export interface SendReceipt {
  client_id: string;
  chat_id: string;
  seq: number;
  created_at: string;
}

export interface OutboxParts {
  platform: Platform;
  settings: Settings;
  requests: Requests;
  storage: OutboxStorage;
  newId(): string;
  on: {
    sent(receipt: SendReceipt): void;
    failed(clientId: string, error: ClientError): void;
    problem(error: ClientError): void;
  };
}

interface Item extends PromiseWithResolvers<SendReceipt> {
  send: StoredSend;
  /** Kept by the storage. */
  stored: boolean;
  /** May have reached the server. */
  tried: boolean;
}

/** One chat's messages, oldest first. */
interface Lane {
  key: string;
  /** The chat's id, where the lane was named by the user to whom the first message went. */
  alias: string | undefined;
  items: Item[];
  busy: boolean;
  cancelWait: (() => void) | undefined;
  backoff: Backoff;
}

export function createOutbox(parts: OutboxParts): Outbox {
  const { platform, settings, requests, storage, on } = parts;
  const items = new Map<string, Item>();
  const lanes = new Map<string, Lane>();
  const aliases = new Map<string, string>();
  /** What is sent before the storage has told what an earlier run left: it goes behind that. */
  let early: Item[] | undefined = [];
  let online = false;
  let inFlight = 0;
  let closed: ClientError | undefined;
  /** The whole connection sends too much: every chat waits. */
  let cancelPause: (() => void) | undefined;

  void load();

  async function load() {
    const kept = await storage.load().catch((cause) => {
      on.problem(storageError(cause));
      return [];
    });
    if (closed !== undefined) return;
    for (const send of kept) {
      const item = items.get(send.client_id) ?? createItem(send);
      item.stored = true;
      enqueue(item);
    }
    const since = early ?? [];
    early = undefined;
    for (const item of since) if (!laneOf(item)?.items.includes(item)) enqueue(item);
    pump();
  }

  function createItem(send: StoredSend): Item {
    const item = { ...Promise.withResolvers<SendReceipt>(), send, stored: false, tried: false };
    items.set(send.client_id, item);
    item.promise.catch(() => {}); // where nobody waits for it `send_failed` tells
    return item;
  }

  function keyOf({ chat_id, user_id }: StoredSend): string {
    const target = (chat_id ?? user_id ?? '').toLowerCase();
    return aliases.get(target) ?? target;
  }

  const laneOf = (item: Item) => lanes.get(keyOf(item.send));

  function enqueue(item: Item) {
    const key = keyOf(item.send);
    const lane = lanes.get(key) ?? createLane(key);
    lane.items.push(item);
  }

  function createLane(key: string): Lane {
    const backoff = createBackoff(platform, settings);
    const lane: Lane = { key, alias: undefined, items: [], busy: false, cancelWait: undefined, backoff };
    lanes.set(key, lane);
    return lane;
  }

  function pump() {
    if (!online || early !== undefined || cancelPause !== undefined) return;
    for (const lane of [...lanes.values()]) {
      if (inFlight >= settings.outboxInFlight) return;
      const [item] = lane.items;
      if (lane.busy || lane.cancelWait !== undefined || !item?.stored) continue;
      // The lane goes to the end, so that every chat has its turn.
      lanes.delete(lane.key);
      lanes.set(lane.key, lane);
      void attempt(lane, item);
    }
  }

  async function attempt(lane: Lane, item: Item) {
    lane.busy = true;
    item.tried = true;
    inFlight++;
    try {
      const reply = await requests.now('message.send', { kind: 'text', ...item.send });
      lane.backoff.reset();
      // The chat now has a name: what is sent to it by that name still waits behind this lane's messages.
      if (lane.key !== reply.chat_id && !lanes.has(reply.chat_id)) {
        lane.alias = reply.chat_id;
        aliases.set(reply.chat_id, lane.key);
      }
      const receipt = { client_id: item.send.client_id, ...reply };
      take(lane, item);
      item.resolve(receipt);
      on.sent(receipt);
    } catch (thrown) {
      if (closed === undefined) failed(lane, item, asClientError(thrown));
    } finally {
      inFlight--;
      lane.busy = false;
    }
    pump();
  }

  function failed(lane: Lane, item: Item, error: ClientError) {
    if (error.reason === 'disconnected') return; // sent again when a connection is ready
    // An `unauthenticated` is the connection's trouble, not the message's.
    if (isFinal(error) && error.code !== 'unauthenticated') return refuse(lane, item, error);
    if (!online) return;
    const ms = Math.max(lane.backoff.next(), error.retry_after_ms ?? 0);
    lane.cancelWait = platform.after(ms, () => {
      lane.cancelWait = undefined;
      pump();
    });
    if (error.code === 'rate_limited')
      cancelPause ??= platform.after(ms, () => {
        cancelPause = undefined;
        pump();
      });
  }

  function refuse(lane: Lane, item: Item, error: ClientError) {
    take(lane, item);
    item.reject(error);
    on.failed(item.send.client_id, error);
  }

  /** The item is done with. */
  function take(lane: Lane, item: Item) {
    items.delete(item.send.client_id);
    lane.items.splice(lane.items.indexOf(item), 1);
    if (lane.items.length === 0) {
      lanes.delete(lane.key);
      if (lane.alias !== undefined) aliases.delete(lane.alias);
    }
    // Left behind, it is sent again by the next run, which the server takes for what it is.
    storage.remove(item.send.client_id).catch((cause) => on.problem(storageError(cause)));
  }

  async function keep(item: Item) {
    try {
      await storage.put(item.send);
      item.stored = true;
      pump();
    } catch (cause) {
      const lane = laneOf(item);
      early = early?.filter((other) => other !== item);
      if (lane === undefined) items.delete(item.send.client_id);
      else take(lane, item);
      item.reject(storageError(cause));
    }
  }

  function down() {
    online = false;
    cancelPause?.();
    cancelPause = undefined;
    for (const lane of lanes.values()) {
      lane.cancelWait?.();
      lane.cancelWait = undefined;
    }
  }

  return {
    get size() {
      return items.size;
    },
    send({ client_id = parts.newId(), chat_id, user_id, text, reply_to }) {
      if (closed !== undefined) return Promise.reject(closed);
      const known = items.get(client_id);
      if (known !== undefined) return known.promise;
      if (items.size >= settings.outboxSize)
        return Promise.reject(
          new ClientError({ code: 'unavailable', reason: 'outbox_full', retryable: true }),
        );
      const item = createItem({
        client_id,
        ...(chat_id !== undefined && { chat_id }),
        ...(user_id !== undefined && { user_id }),
        text,
        ...(reply_to !== undefined && { reply_to }),
      });
      if (early === undefined) enqueue(item);
      else early.push(item);
      void keep(item);
      return item.promise;
    },
    ready() {
      online = true;
      pump();
    },
    down,
    close(error) {
      down();
      closed = error;
      for (const item of items.values())
        item.reject(item.tried ? new ClientError({ code: 'timeout', reason: 'closed' }) : error);
      items.clear();
      lanes.clear();
    },
  };
}

const storageError = (cause: unknown) =>
  new ClientError({
    code: 'unavailable',
    reason: 'outbox_storage',
    detail: 'The outbox cannot be kept',
    cause,
  });

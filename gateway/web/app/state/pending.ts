import { signal } from '@preact/signals';
import type { Client, ClientError, OutboxStorage, SendReceipt, StoredSend } from '../../../client/index.ts';

/** A message of one's own that the server has not taken yet. */
export interface Pending {
  client_id: string;
  chat_id: string;
  text: string;
  reply_to?: number;
  /** Refused for good. */
  error?: ClientError;
}

export interface PendingModel {
  readonly all: { readonly value: readonly Pending[] };
  send(chatId: string, text: string, replyTo: number | undefined): void;
  /** Sends a refused one again, as a new message. */
  retry(clientId: string): void;
  discard(clientId: string): void;
  /** The server has it. */
  taken(clientId: string | null): Pending | undefined;
}

export function createPending(
  client: Client,
  storage: OutboxStorage,
  sent: (pending: Pending, receipt: SendReceipt) => void,
): PendingModel {
  const all = signal<readonly Pending[]>([]);
  /** Settled before we had read what the storage keeps. */
  let early: Set<string> | undefined = new Set();
  client.on('sent', (receipt) => {
    early?.add(receipt.client_id);
    const pending = taken(receipt.client_id);
    if (pending !== undefined) sent(pending, receipt);
  });
  client.on('send_failed', ({ client_id, error }) => failed(client_id, error));
  void load();

  /** What an earlier page left: the SDK sends it, we show it. */
  async function load() {
    const kept = await storage.load().catch((): StoredSend[] => []);
    const known = new Set(all.value.map(({ client_id }) => client_id));
    const earlier = kept.flatMap(({ client_id, chat_id, text, reply_to }) =>
      chat_id === undefined || known.has(client_id) || early?.has(client_id)
        ? []
        : [{ client_id, chat_id, text, ...(reply_to !== undefined && { reply_to }) }],
    );
    early = undefined;
    all.value = [...earlier, ...all.value];
  }

  function failed(clientId: string, error: ClientError) {
    all.value = all.value.map((one) => (one.client_id === clientId ? { ...one, error } : one));
  }

  function taken(clientId: string | null): Pending | undefined {
    const found = all.value.find(({ client_id }) => client_id === clientId);
    if (found !== undefined) all.value = all.value.filter((one) => one !== found);
    return found;
  }

  function send(chatId: string, text: string, replyTo: number | undefined) {
    const fields = {
      client_id: client.newId(),
      chat_id: chatId,
      text,
      ...(replyTo !== undefined && { reply_to: replyTo }),
    };
    all.value = [...all.value, fields];
    // A page that closes takes its promises with it; the storage keeps the message.
    client.send(fields).catch((error: ClientError) => {
      if (error.reason !== 'closed') failed(fields.client_id, error);
    });
  }

  return {
    all,
    send,
    retry(clientId) {
      const found = taken(clientId);
      if (found !== undefined) send(found.chat_id, found.text, found.reply_to);
    },
    discard: (clientId) => void taken(clientId),
    taken,
  };
}

/** A message that waits to be acked, as it is kept. */
export interface StoredSend {
  client_id: string;
  chat_id?: string;
  user_id?: string;
  text: string;
  reply_to?: number;
}

/**
 * Where the outbox keeps its messages, so that a restart of the program loses none and sends none twice.
 * One storage belongs to one user. Calls are made in the order of the sends and may overlap.
 */
export interface OutboxStorage {
  /** Everything kept, in the order it was put. */
  load(): Promise<StoredSend[]>;
  /** Resolves when it is kept: only then is the message sent. */
  put(send: StoredSend): Promise<void>;
  /** Removing what is not there changes nothing. */
  remove(clientId: string): Promise<void>;
}

/** Keeps messages as long as the program runs. */
export function memoryStorage(): OutboxStorage {
  const kept = new Map<string, StoredSend>();
  return {
    load: async () => [...kept.values()],
    put: async (send) => void kept.set(send.client_id, send),
    remove: async (clientId) => void kept.delete(clientId),
  };
}

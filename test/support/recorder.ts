import { type Client, ClientError, type Message } from 'suhbat/client';

export { checkPromises } from './promises.ts';

/** Writes down what one client asked, was told and received, so that promises can be checked afterwards. */
export interface Recorder {
  readonly name: string;
  /** In the order of happening. */
  readonly records: Entry[];
  /** Sends a text and writes down how that ended; never rejects. */
  send(chatId: string, text: string): Promise<Outcome>;
  /** The chat's messages in the order in which they were delivered as new. */
  received(chatId: string): Message[];
  /** Writes nothing more about what is received. */
  stop(): void;
}

/**
 * `at`: milliseconds of a clock that all recorders share and that only grows.
 *
 * - `fail`: refused, nothing was done; `unknown`: it may have been.
 * - `received`: delivered as new; `changed`: a change was delivered; `reset`: the client gave its copy up.
 */
export type Entry = { at: number; chat_id: string } & (
  | { type: 'invoke'; client_id: string; text: string }
  | { type: 'ok'; client_id: string; seq: number }
  | { type: 'fail' | 'unknown'; client_id: string; code: string }
  | { type: 'received' | 'changed'; message: Message }
  | { type: 'reset'; head: number }
);

export type Outcome =
  | { type: 'ok'; client_id: string; seq: number }
  | { type: 'fail' | 'unknown'; client_id: string; error: ClientError };

/** The time since 1970, as finely as it is known: comparable between processes of one machine. */
const sharedNow = () => performance.timeOrigin + performance.now();

export function createRecorder(client: Client, name: string, now: () => number = sharedNow): Recorder {
  const records: Entry[] = [];
  const ends = [
    client.on('message', (message) =>
      records.push({ at: now(), type: 'received', chat_id: message.chat_id, message }),
    ),
    client.on('changed', (message) =>
      records.push({ at: now(), type: 'changed', chat_id: message.chat_id, message }),
    ),
    client.on('reset', ({ chat_id, head }) => records.push({ at: now(), type: 'reset', chat_id, head })),
  ];

  return {
    name,
    records,
    async send(chat_id, text) {
      const client_id = client.newId();
      records.push({ at: now(), type: 'invoke', chat_id, client_id, text });
      try {
        const { seq } = await client.send({ chat_id, text, client_id });
        records.push({ at: now(), type: 'ok', chat_id, client_id, seq });
        return { type: 'ok', client_id, seq };
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        // A fault of the server says nothing about what it had done before.
        const type = error.code === 'timeout' || error.code === 'internal' ? 'unknown' : 'fail';
        records.push({ at: now(), type, chat_id, client_id, code: error.code });
        return { type, client_id, error };
      }
    },
    received: (chatId) =>
      records.flatMap((one) => (one.type === 'received' && one.chat_id === chatId ? [one.message] : [])),
    stop() {
      for (const end of ends) end();
    },
  };
}

/** Every message of a chat, in its newest state, ordered by seq. */
export async function wholeHistory(client: Client, chatId: string): Promise<Message[]> {
  const found = new Map<number, Message>();
  for (let after = 0; ; ) {
    const { messages, has_more } = await client.history(chatId, { after, limit: 200 });
    for (const message of messages) found.set(message.seq, message);
    const last = messages.at(-1)?.changed_seq ?? after;
    if (!has_more) return [...found.values()].sort((one, other) => one.seq - other.seq);
    if (last <= after) throw new Error(`The history of ${chatId} stands still after ${after}`);
    after = last;
  }
}

import { type Client, ClientError, type Message } from 'suhbat/client';

export { checkPromises } from './promises.ts';

/** Writes down what one client asked, was told and received, so that promises can be checked afterwards. */
export interface Recorder {
  readonly name: string;
  /** What was sent and how that ended, in the order of happening. */
  readonly records: readonly Entry[];
  readonly deliveries: ReadonlyMap<string, Deliveries>;
  /** In the order in which they were begun. */
  readonly changes: readonly Change[];
  /** Changes a message and writes down how that ended; never rejects. */
  change(what: Omit<Change, 'end' | 'why'>): Promise<void>;
  /** Sends a text and writes down how that ended; never rejects. */
  send(chatId: string, text: string): Promise<Outcome>;
  /** Up to where the chat was delivered: the highest `changed_seq`; 0 where nothing was. */
  seen(chatId: string): number;
  /** Writes nothing more about what is received. */
  stop(): void;
}

/**
 * `at`: milliseconds of a clock that all recorders share and that only grows.
 *
 * `fail`: refused, nothing was done; `unknown`: it may have been.
 */
export type Entry = { at: number; chat_id: string; client_id: string } & (
  | { type: 'invoke'; text: string }
  | { type: 'ok'; seq: number }
  | { type: 'fail' | 'unknown'; code: string }
);

/** What somebody makes of a message that is there. */
export interface Change {
  chat_id: string;
  target: number;
  user_id: string;
  /** The reaction of this user; null: none. Only the sender changes a text. */
  what: 'text' | 'reaction';
  value: string | null;
  /** Absent: there is none yet. */
  end?: Outcome['type'] | undefined;
  /** Of what was not done, or maybe not: the error's code and reason. */
  why?: string;
}

/**
 * Of one chat, in the order of happening. An event's position is the seq of a message, or the `changed_seq` of a
 * change.
 */
export interface Deliveries {
  readonly received: Identity[];
  readonly changed: Identity[];
  /** The heads at which the client gave its copy up. */
  readonly resets: number[];
  /** Positions of the first event, and of the highest one; 0 where there was none. */
  first: number;
  last: number;
  /** The highest `changed_seq`: a repair brings a message at its own position, in its newest state. */
  seen: number;
  /** Of messages that were changed: the `changed_seq` of what was delivered last, by their seqs. */
  readonly states: Map<number, number>;
  /** Events that were not above all before them: their position, and the highest before. */
  readonly disorder: [position: number, before: number][];
}

/** Which message it is. */
export type Identity = Readonly<Pick<Message, 'seq' | 'client_id' | 'sender_id'>>;

export type Outcome =
  | { type: 'ok'; client_id: string; seq: number }
  | { type: 'fail' | 'unknown'; client_id: string; error: ClientError };

/** Hears of everything at once: what wants figures of a long run need not go through its records. */
export interface Observer {
  begun(chatId: string, at: number): void;
  ended(chatId: string, type: Outcome['type'], at: number, begunAt: number): void;
  received(): void;
}

export interface RecorderOptions {
  now?: () => number;
  observer?: Observer;
  /** Shared by those who are delivered the same messages. */
  identities?: Identities;
}

/** Gives one object for each message, however often it is delivered: a long run has millions of deliveries. */
export type Identities = (message: Message) => Identity;

export function createIdentities(): Identities {
  const chats = new Map<string, Map<number, Identity>>();
  return ({ chat_id, seq, client_id, sender_id }) => {
    const chat = chats.get(chat_id) ?? new Map<number, Identity>();
    chats.set(chat_id, chat);
    const known = chat.get(seq);
    if (known?.client_id === client_id && known.sender_id === sender_id) return known;
    const identity = { seq, client_id, sender_id };
    // Whoever is told of another message at this seq keeps that one: it is what the judge looks for.
    if (known === undefined) chat.set(seq, identity);
    return identity;
  };
}

export function createDeliveries(): Deliveries {
  return {
    received: [],
    changed: [],
    resets: [],
    first: 0,
    last: 0,
    seen: 0,
    states: new Map(),
    disorder: [],
  };
}

/** A message or a change was delivered; `identity` is kept in its place. */
export function deliver(
  own: Deliveries,
  type: 'message' | 'changed',
  { seq, changed_seq }: Pick<Message, 'seq' | 'changed_seq'>,
  identity: Identity,
): void {
  const position = type === 'message' ? seq : changed_seq;
  if (own.first === 0) own.first = position;
  if (position <= own.last) own.disorder.push([position, own.last]);
  own.last = Math.max(own.last, position);
  own.seen = Math.max(own.seen, changed_seq);
  if (changed_seq !== seq) own.states.set(seq, changed_seq);
  (type === 'message' ? own.received : own.changed).push(identity);
}

/** The time since 1970, as finely as it is known: comparable between processes of one machine. */
export const sharedNow = () => performance.timeOrigin + performance.now();

export function createRecorder(
  client: Client,
  name: string,
  { now = sharedNow, observer, identities = createIdentities() }: RecorderOptions = {},
): Recorder {
  const records: Entry[] = [];
  const changes: Change[] = [];
  const deliveries = new Map<string, Deliveries>();

  function of(chatId: string): Deliveries {
    const there = deliveries.get(chatId) ?? createDeliveries();
    deliveries.set(chatId, there);
    return there;
  }

  const ends = [
    client.on('message', (message) => {
      deliver(of(message.chat_id), 'message', message, identities(message));
      observer?.received();
    }),
    client.on('changed', (message) => deliver(of(message.chat_id), 'changed', message, identities(message))),
    client.on('reset', ({ chat_id, head }) => of(chat_id).resets.push(head)),
  ];

  return {
    name,
    records,
    deliveries,
    changes,
    async change(what) {
      const change: Change = { ...what };
      changes.push(change);
      const { chat_id, target, value } = what;
      try {
        if (what.what === 'text') await client.edit(chat_id, target, value ?? '');
        else await client.react(chat_id, target, value);
        change.end = 'ok';
      } catch (error) {
        change.end = endOf(error);
        change.why = wordsOf(error as ClientError);
      }
    },
    async send(chat_id, text) {
      const client_id = client.newId();
      const begun = now();
      records.push({ at: begun, type: 'invoke', chat_id, client_id, text });
      observer?.begun(chat_id, begun);
      try {
        const { seq } = await client.send({ chat_id, text, client_id });
        const at = now();
        records.push({ at, type: 'ok', chat_id, client_id, seq });
        observer?.ended(chat_id, 'ok', at, begun);
        return { type: 'ok', client_id, seq };
      } catch (error) {
        const type = endOf(error);
        const at = now();
        const { code } = error as ClientError;
        records.push({ at, type, chat_id, client_id, code });
        observer?.ended(chat_id, type, at, begun);
        return { type, client_id, error: error as ClientError };
      }
    },
    seen: (chatId) => deliveries.get(chatId)?.seen ?? 0,
    stop() {
      for (const end of ends) end();
    },
  };
}

/** Its code and reason. */
export const wordsOf = ({ code, reason = '' }: ClientError) => `${code} ${reason}`.trimEnd();

/** A fault of the server says nothing about what it had done before. Throws what is no refusal. */
function endOf(error: unknown): 'fail' | 'unknown' {
  if (!(error instanceof ClientError)) throw error;
  return error.code === 'timeout' || error.code === 'internal' ? 'unknown' : 'fail';
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

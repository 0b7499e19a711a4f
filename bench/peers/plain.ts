/** What the peers share: who connects, what a message is, what comes of it. */

export interface Guest {
  user: string;
  rooms: string[];
}

/** Whoever connects says who he is and whose messages he wants: `?user=u&room=a&room=b`. */
export function guestOf(query: string): Guest {
  const asked = new URLSearchParams(query);
  return { user: asked.get('user') ?? '', rooms: asked.getAll('room') };
}

export interface Sent {
  id: string;
  chat_id: string;
  client_id: string;
  text: string;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** As little as a server may look at that still refuses what is none. */
export function isSent(given: unknown): given is Sent {
  if (typeof given !== 'object' || given === null) return false;
  const { id, chat_id, client_id, text } = given as Record<string, unknown>;
  return (
    typeof id === 'string' &&
    id.length <= 64 &&
    typeof chat_id === 'string' &&
    typeof client_id === 'string' &&
    uuid.test(client_id) &&
    typeof text === 'string' &&
    text.length > 0 &&
    text.length <= 4096
  );
}

/** The message that all members get: the fields of Suhbat's, so that the bytes are as many. */
export function messageOf(sent: Omit<Sent, 'id'>, seq: number, sender: string, at: string): object {
  return {
    type: 'message.new',
    chat_id: sent.chat_id,
    seq,
    sender_id: sender,
    kind: 'text',
    text: sent.text,
    media: null,
    reply_to: null,
    service: null,
    client_id: sent.client_id,
    created_at: at,
    edited_at: null,
    deleted_at: null,
    changed_seq: seq,
    reactions: [],
  };
}

/** The next number of each chat. */
export class Heads {
  readonly #heads = new Map<string, number>();

  next(chat: string): number {
    const seq = (this.#heads.get(chat) ?? 0) + 1;
    this.#heads.set(chat, seq);
    return seq;
  }
}

export function sayReady(port: number): void {
  process.stdout.write(`peer ready http://127.0.0.1:${port}\n`);
}

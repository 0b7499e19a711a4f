/**
 * Fire-and-forget fan-out from actors to gateways. Contract: envelopes of one publisher on one subject
 * arrive in order, at most once, or not at all (a broken link loses them silently; clients notice by
 * `seq`). `publish` never blocks and never throws.
 */
export interface Bus {
  publish(subject: string, envelope: Envelope): void;
  /** From now on; hold it, and call it to end the subscription. */
  subscribe(subject: string, handler: (envelope: Envelope) => void): () => void;
  /** One round trip: when it resolves, every subscription made before holds. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** One frame on its way. Gateways hand `frame` to the sockets as it is and read only what stands beside it. */
export interface Envelope {
  /** The frame's JSON text, encoded once. Empty: nothing for sockets (a note between nodes). */
  frame: string;
  /** Typing and presence: dropped first where a socket is slow. */
  droppable?: boolean;
  /** What a gateway needs beside a frame of a chat. */
  chat?: {
    id: string;
    /** The frame's seq in its chat; absent on frames that have none. */
    seq?: number;
    /** The seq of the chat's newest membership change, this frame's included. */
    member_seq: number;
    /** Who must not receive this frame or any later one. */
    removed?: string[];
  };
  /** On a user's subject: the connections of this user join the chat's subject (group and channel). */
  attach?: string;
  /** Data of a note between nodes (`subjects.revoked`). */
  note?: unknown;
}

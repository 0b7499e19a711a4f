/**
 * Fire-and-forget fan-out from actors to gateways. Contract: envelopes of one publisher on one subject
 * arrive in order, at most once, or not at all. How those of several publishers mingle, each subscriber may see
 * in a way of his own: nats-server reads each connection by itself. Whoever publishes hears it as everybody else does.
 */
export interface Bus {
  /**
   * May envelopes be lost on their way without a trace? Then owners send beacons after their frames, and both
   * sides listen to `onLoss`. A bus of one process loses nothing and needs neither.
   */
  readonly lossy: boolean;
  /** Never blocks and never throws. */
  publish(subject: string, envelope: Envelope): void;
  /** From now on; hold it, and call it to end the subscription. Throws where `isSubject` says no: a bug. */
  subscribe(subject: string, handler: (envelope: Heard) => void): () => void;
  /**
   * One round trip: when it resolves, every subscription made before holds, and what was published before is on its
   * way to those who listened. Rejects with `unavailable` where that cannot be had now.
   */
  settled(): Promise<void>;
  /** Told after envelopes may have been lost, when subscriptions hold (again); what is returned ends that. */
  onLoss(listener: (loss: BusLoss) => void): () => void;
  close(): Promise<void>;
}

/** `all`: of anybody, on their way here or from here. `sent`: only of those published here. */
export type BusLoss = 'all' | 'sent';

/** One frame on its way. Gateways hand `frame` to the sockets as it is and read only what stands beside it. */
export interface Envelope<Frame = string> {
  /** The frame's JSON text, encoded once. Empty: nothing for sockets (a beacon, or a note between nodes). */
  frame: Frame;
  /** Typing and presence: dropped first where a socket is slow. */
  droppable?: boolean;
  /** What a gateway needs beside a frame of a chat. */
  chat?: ChatNote;
  /** On a user's subject: the connections of this user join the chat's subject (group and channel). */
  attach?: string;
  /** Data of a note between nodes (`subjects.revoked`). */
  note?: unknown;
}

export interface ChatNote {
  id: string;
  /** The frame's seq in its chat; absent on frames that have none. */
  seq?: number;
  /** The seq of the chat's newest membership change, this frame's included. */
  member_seq: number;
  /** Who must not receive this frame or any later one. */
  removed?: string[];
  /**
   * On a beacon: `seq` is the chat's head, and its frame left so many milliseconds before, or earlier. Whoever was
   * subscribed then and has not seen it is behind.
   */
  head_age_ms?: number;
}

/** As subscribers get it: a frame that came from another process stays the bytes that it came as, UTF-8. */
export type Heard = Envelope<string | Buffer>;

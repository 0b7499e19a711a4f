import type { Heard } from '../../ops/bus/bus.ts';
import type { Connection } from '../websocket/connection.ts';

/** A user with connections on this gateway. */
export interface LocalUser {
  readonly id: string;
  readonly connections: Set<Connection>;
  /** The groups and channels that its connections are attached to; made with the first. */
  chats: Set<LocalChat> | undefined;
  /** Monotonic time since when the user's subject is subscribed: what left before, the first `sync` brings. */
  readonly since: number;
  /** Ends the subscription of the user's subject. */
  unsubscribe: () => void;
}

/** A group or channel with members on this gateway. */
export interface LocalChat {
  readonly id: string;
  readonly subject: string;
  readonly users: Set<LocalUser>;
  /** Monotonic: what left before, its users learn of by other means. */
  readonly since: number;
  /** The seq of the newest membership change that `users` reflects. */
  memberSeq: number;
  /** The greatest seq that came by since `memberSeq` was known. */
  lastSeq: number;
  unsubscribe: () => void;
  /** While the owner is asked who is a member: nothing goes out meanwhile. */
  held: Held | undefined;
}

export interface Held {
  /** Wait for the answers; bounded. */
  envelopes: Heard[];
  /** Some were let go, and clients must fetch. */
  overflowed: boolean;
  /** Members on the owner's word. */
  readonly sure: Set<LocalUser>;
  /** Nobody could be asked; it is tried again, for as long as it takes. */
  stuck: boolean;
}

/** The open sockets of some users, one after the other. */
export function* socketsOf(users: Iterable<LocalUser>): Generator<Connection> {
  for (const user of users) yield* user.connections;
}

/** One user's open connections and presence. Soft: rebuilt from gateways, kept nowhere. */
export interface UserState {
  id: string;
  /** `gateway/connection` of every open socket, each once; a Set would take three times the memory of one. */
  connections: readonly string[];
  /** Until when a client without a socket counts as online, in milliseconds since 1970. */
  pingedUntil: number;
  /** The last socket closed then; offline is told when the grace has passed. */
  leftAt: number | undefined;
  /** What watchers were told last. */
  online: boolean;
  /** ISO 8601; null: never seen. */
  lastSeenAt: string | null;
}

export function emptyUser(id: string, lastSeenAt: string | null): UserState {
  return { id, connections: [], pingedUntil: 0, leftAt: undefined, online: false, lastSeenAt };
}

import type { Presence } from '../frames/server.ts';

/** What the user actor is asked: it holds nothing but open connections, and presence with its grace. */
export type UserCommand =
  | { type: 'connect'; gateway: string; connection: string }
  | { type: 'disconnect'; gateway: string; connection: string }
  /** Keeps a client without a socket online for a minute (an SSE stream, `POST /presence/ping`). */
  | { type: 'presence.ping' }
  | { type: 'presence.get' }
  | { type: 'wake' };

/** The reply to each of them. */
export type UserReply = Presence;

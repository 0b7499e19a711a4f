/** What the user actor is asked: it holds nothing but open connections, and presence with its grace. */
export type UserCommand =
  | { type: 'connect'; gateway: string; connection: string }
  | { type: 'disconnect'; gateway: string; connection: string }
  /** Keeps a client without a socket online for a minute (an SSE stream, `POST /presence/ping`). */
  | { type: 'presence.ping' }
  | { type: 'presence.get' }
  /** The gateway's process has ended, or cannot be heard: none of its connections counts any more. */
  | { type: 'gateway.gone'; gateway: string }
  | { type: 'wake' };

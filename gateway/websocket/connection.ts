import type { Caller } from '../../ops/security/access-tokens.ts';
import type { closeCodes } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import type { LocalUser } from '../fanout/local.ts';
import type { Lane } from './lanes.ts';

export type CloseReason = keyof typeof closeCodes;

/** What a connection writes to: a WebSocket of uWebSockets, or an event stream. */
export interface Outlet {
  /** As uWebSockets: 2 where the frame was dropped, because the client is too slow. */
  send(frame: string): number;
  /** Bytes that the client has not taken; 0 where it keeps up. */
  getBufferedAmount(): number;
  subscribe(topic: string): unknown;
  unsubscribe(topic: string): unknown;
  ping(): unknown;
  /** Several frames as one write. */
  cork(write: () => void): unknown;
  end(code?: number, why?: string): void;
}

/**
 * One client socket, or one event stream (`stream`), which hears the same and asks nothing. `opening`: not
 * authenticated, or not attached yet. `ready`: the client was told, its topics hold. `closing`: its outlet must not
 * be touched any more. Plain fields and no closures: there are many thousands of these.
 */
export interface Connection {
  readonly id: string;
  /** What limits on addresses count it under. */
  readonly address: string;
  /** Set when it opens; using it after the close throws, so ask `state` first. */
  ws: Outlet | undefined;
  readonly stream: boolean;
  state: 'opening' | 'ready' | 'closing';
  /** Whom the upgrade authenticated, until it opens. */
  caller: Caller | undefined;
  /** The ticket that it came with, until it opens. */
  ticket: string | undefined;
  /** That of its calls, from the request that opened it: see `CallMeta`. */
  readonly trace: string | undefined;
  /** Since it authenticated. */
  user: LocalUser | undefined;
  login_id: string;
  /** When its access token expires; milliseconds since 1970. */
  expires_at: number;
  /** Monotonic milliseconds, as all times below. */
  readonly opened_at: number;
  next_ping: number;
  /** Milliseconds between pings. */
  readonly ping_ms: number;
  /** Why we close it, where we do. */
  why: CloseReason | undefined;
  /** Requests to one chat, in order; made while there are some. */
  lanes: Map<string, Lane> | undefined;
  /** Requests without a reply yet. */
  outstanding: number;
  /** Users whose presence it watches. */
  watched: Set<string> | undefined;
  /** The bucket of its rate, since its first frame. */
  rate: { tokens: number; at: number } | undefined;
  /** What it did that it should not, since it first did. */
  excess: Excess | undefined;
}

export interface Excess {
  /** Over its rate without a pause: since when, when last, and the requests refused for it in that time. */
  over_since: number;
  over_last: number;
  over_count: number;
  /** Requests without a usable id, in the minute that began then. */
  misuses: number;
  misused_at: number;
}

type Beginning = Pick<
  Connection,
  'address' | 'caller' | 'ticket' | 'trace' | 'stream' | 'opened_at' | 'ping_ms'
>;

/** One that nothing has come through. */
export function newConnection({
  address,
  caller,
  ticket,
  trace,
  stream,
  opened_at,
  ping_ms,
}: Beginning): Connection {
  return {
    id: newId(),
    address,
    ws: undefined,
    stream,
    state: 'opening',
    caller,
    ticket,
    trace,
    user: undefined,
    login_id: '',
    expires_at: 0,
    opened_at,
    next_ping: opened_at + ping_ms,
    ping_ms,
    why: undefined,
    lanes: undefined,
    outstanding: 0,
    watched: undefined,
    rate: undefined,
    excess: undefined,
  };
}

/**
 * What the upgrade gives to uWebSockets, which copies its fields onto the WebSocket one by one: many of them would
 * make that object a dictionary of 1.6 KB.
 */
export interface SocketData {
  connection: Connection;
}

/** Hands one frame to the socket. False: it is gone, or it is too slow and will be. */
export function send(connection: Connection, frame: string): boolean {
  if (connection.state === 'closing' || connection.ws === undefined) return false;
  // 2: dropped. uWebSockets then ends the socket by itself (closeOnBackpressureLimit).
  if (connection.ws.send(frame) !== 2) return true;
  connection.why ??= 'too_slow';
  return false;
}

/** Several frames in one write, together with what was published to the socket in this turn. */
export function sendAll(connection: Connection, frames: readonly string[]): void {
  if (connection.state === 'closing' || connection.ws === undefined) return;
  connection.ws.cork(() => {
    for (const frame of frames) if (!send(connection, frame)) return;
  });
}

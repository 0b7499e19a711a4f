import { type Actors, askOptionsOf } from '../../actors/client/ask.ts';
import type { Call, CallMeta } from '../../ops/broker/call.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { AccessTokens, Caller } from '../../ops/security/access-tokens.ts';
import type { RevokedLogins } from '../../ops/security/revoked-logins.ts';
import { fail, refusalOf, SuhbatError } from '../../schemas/errors.ts';
import { encodeEvent } from '../../schemas/frames/codec.ts';
import type { Fanout } from '../fanout/fanout.ts';
import { tellUser } from '../presence.ts';
import { callerOfTicket } from '../tickets.ts';
import { type CloseReason, type Connection, send } from './connection.ts';

export interface OpeningParts {
  /** Names this gateway to user actors. */
  gateway: string;
  actors: Actors;
  call: Call;
  tokens: AccessTokens;
  revoked: Pick<RevokedLogins, 'has'>;
  fanout: Fanout;
  clock: Clock;
  meta(connection: Connection): CallMeta;
  close(connection: Connection, why: CloseReason): void;
  /** Says `bye` and closes: this gateway cannot serve the connection now. */
  turnAway(connection: Connection): void;
  report(error: unknown): void;
}

/** Pauses before a user actor is told once more: for about a minute. */
const firstPauseMs = 1000;
const longestPauseMs = 30_000;

/** How a socket becomes a user's: opening → ready. */
export interface Opening {
  /** The user is known: attaches the connection and says `ready`. Not to be awaited by who must not wait. */
  admit(connection: Connection, caller: Caller): Promise<void>;
  /** Finds whom a ticket speaks for, and admits. Without a good one the socket closes with 4001. */
  redeem(connection: Connection, ticket: string): Promise<void>;
  /** The `auth` frame: the first one, or a fresh token for the same user. */
  auth(connection: Connection, token: string): { token_expires_at: string };
  /**
   * Tells the user's actor of the connection once more: its owner may not know of it. False: it was refused.
   * Never rejects. One that is being told of just now is told again after that, by itself.
   */
  announce(connection: Connection): Promise<boolean>;
  /** After the close. */
  leave(connection: Connection): void;
}

export function createOpening(parts: OpeningParts): Opening {
  const { actors, clock, fanout, gateway, revoked, tokens } = parts;
  /** User actors must hear of a connection's end after its beginning: what they are being told, the last of it. */
  const told = new WeakMap<Connection, Promise<unknown>>();

  async function admit(connection: Connection, caller: Caller): Promise<void> {
    if (connection.state !== 'opening' || connection.user !== undefined) return;
    if (revoked.has(caller.login_id)) return parts.close(connection, 'revoked');
    const user = fanout.enter(connection, caller.user_id);
    connection.user = user;
    connection.login_id = caller.login_id;
    connection.expires_at = caller.expires_at;
    void inOrder(connection, () => tellConnect(connection));
    try {
      await fanout.attach(user, parts.meta(connection));
    } catch (error) {
      if (!(error instanceof SuhbatError)) parts.report(error);
      parts.turnAway(connection);
      return;
    }
    // It may have closed meanwhile, although it was opening above.
    if ((connection.state as string) === 'closing') return;
    fanout.ready(connection);
    if (connection.stream) send(connection, encodeEvent('resync', {}));
    send(
      connection,
      encodeEvent('ready', {
        user_id: user.id,
        login_id: connection.login_id,
        connection_id: connection.id,
        server_time: new Date(clock.now()).toISOString(),
        ping_ms: connection.ping_ms,
        token_expires_at: new Date(connection.expires_at).toISOString(),
      }),
    );
  }

  /** After what the user's actor is being told of the connection already. */
  async function inOrder<T>(connection: Connection, next: () => Promise<T>): Promise<T> {
    const before = told.get(connection);
    const telling = before === undefined ? next() : before.then(next);
    told.set(connection, telling);
    const result = await telling;
    if (told.get(connection) === telling) told.delete(connection);
    return result;
  }

  /** Presence degrades where the actor cannot be reached; it is told again for a minute, while that is true. */
  async function tellConnect(connection: Connection): Promise<void> {
    for (let pauseMs = firstPauseMs; !(await tell('connect', connection)); pauseMs *= 2) {
      if (pauseMs > longestPauseMs) return;
      await sleep(clock, pauseMs);
      if (connection.state === 'closing') return;
    }
  }

  /** An owner that is not told would take the user for online until it loses the shard. */
  async function tellDisconnect(connection: Connection): Promise<void> {
    for (let pauseMs = firstPauseMs; !(await tell('disconnect', connection)); pauseMs *= 2) {
      if (pauseMs > longestPauseMs) return;
      await sleep(clock, pauseMs);
    }
  }

  async function tell(type: 'connect' | 'disconnect', connection: Connection): Promise<boolean> {
    const { id, user } = connection;
    if (user === undefined) return true;
    try {
      const options = askOptionsOf(parts.meta(connection));
      return await tellUser(actors, user.id, { type, gateway, connection: id }, options);
    } catch (error) {
      parts.report(error);
      return true;
    }
  }

  async function announce(connection: Connection): Promise<boolean> {
    const closing = () => connection.state === 'closing';
    if (!told.has(connection)) return closing() || inOrder(connection, () => tell('connect', connection));
    void inOrder(connection, async () => closing() || tellConnect(connection));
    return true;
  }

  async function redeem(connection: Connection, ticket: string): Promise<void> {
    let caller: Caller;
    try {
      caller = await callerOfTicket(parts.call, ticket, clock.now(), parts.meta(connection));
    } catch (error) {
      if (!(error instanceof SuhbatError)) parts.report(error);
      // An `auth` frame may have come meanwhile.
      if (connection.user !== undefined) return;
      if (refusalOf(error).code === 'unauthenticated') parts.close(connection, 'unauthenticated');
      else parts.turnAway(connection);
      return;
    }
    await admit(connection, caller);
  }

  function auth(connection: Connection, token: string): { token_expires_at: string } {
    const { user } = connection;
    let caller: Caller;
    try {
      caller = tokens.verify(token);
      if (revoked.has(caller.login_id)) throw fail('unauthenticated', { reason: 'login_revoked' });
    } catch (error) {
      // After the reply. A ready socket stays until its own token expires.
      if (user === undefined) queueMicrotask(() => parts.close(connection, 'unauthenticated'));
      throw error;
    }
    if (user === undefined) void admit(connection, caller);
    else if (user.id !== caller.user_id)
      throw fail('forbidden', { reason: 'other_user', detail: 'This socket belongs to another user' });
    else {
      connection.login_id = caller.login_id;
      connection.expires_at = caller.expires_at;
    }
    return { token_expires_at: new Date(caller.expires_at).toISOString() };
  }

  function leave(connection: Connection): void {
    const { user } = connection;
    fanout.leave(connection);
    if (user === undefined) return;
    void inOrder(connection, () => tellDisconnect(connection));
  }

  return { admit, redeem, auth, announce, leave };
}

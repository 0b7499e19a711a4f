import type { Actors } from '../../actors/client/ask.ts';
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

const longestPauseMs = 30_000;

/** How a socket becomes a user's: opening → ready. */
export interface Opening {
  /** The user is known: attaches the connection and says `ready`. Not to be awaited by who must not wait. */
  admit(connection: Connection, caller: Caller): Promise<void>;
  /** Finds whom a ticket speaks for, and admits. Without a good one the socket closes with 4001. */
  redeem(connection: Connection, ticket: string): Promise<void>;
  /** The `auth` frame: the first one, or a fresh token for the same user. */
  auth(connection: Connection, token: string): { token_expires_at: string };
  /** After the close. */
  leave(connection: Connection): void;
}

export function createOpening(parts: OpeningParts): Opening {
  const { actors, clock, fanout, gateway, revoked, tokens } = parts;
  /** User actors must hear of a connection's end after its beginning. */
  const told = new WeakMap<Connection, Promise<void>>();

  async function admit(connection: Connection, caller: Caller): Promise<void> {
    if (connection.state !== 'opening' || connection.user !== undefined) return;
    if (revoked.has(caller.login_id)) return parts.close(connection, 'revoked');
    const user = fanout.enter(connection, caller.user_id);
    connection.user = user;
    connection.login_id = caller.login_id;
    connection.expires_at = caller.expires_at;
    const telling = tellConnect(user.id, connection);
    told.set(connection, telling);
    void telling.finally(() => told.delete(connection));
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

  /** Presence degrades where the actor cannot be reached; a socket that stays is told again for a minute. */
  async function tellConnect(userId: string, connection: Connection): Promise<void> {
    for (let pauseMs = 1000; !(await tell(userId, 'connect', connection)); pauseMs *= 2) {
      if (pauseMs > longestPauseMs) return;
      await sleep(clock, pauseMs);
      if (connection.state === 'closing') return;
    }
  }

  async function tell(
    userId: string,
    type: 'connect' | 'disconnect',
    { id: connection }: Connection,
  ): Promise<boolean> {
    try {
      return await tellUser(actors, userId, { type, gateway, connection });
    } catch (error) {
      parts.report(error);
      return true;
    }
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
    const before = told.get(connection);
    void (async () => {
      await before;
      await tell(user.id, 'disconnect', connection);
    })();
  }

  return { admit, redeem, auth, leave };
}

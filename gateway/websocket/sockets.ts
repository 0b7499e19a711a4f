import type { TemplatedApp, WebSocketBehavior } from 'uWebSockets.js';
import type { Actors } from '../../actors/client/ask.ts';
import type { Call, CallMeta } from '../../ops/broker/call.ts';
import type { Bus } from '../../ops/bus/bus.ts';
import type { Rate } from '../../ops/config/rates.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { AccessTokens, Caller } from '../../ops/security/access-tokens.ts';
import type { RevokedLogins } from '../../ops/security/revoked-logins.ts';
import type { Logger } from '../../ops/telemetry/logger.ts';
import type { Metrics } from '../../ops/telemetry/metrics.ts';
import { closeCodes, fail } from '../../schemas/errors.ts';
import type { RequestFrame } from '../../schemas/frames/client.ts';
import { encodeEvent } from '../../schemas/frames/codec.ts';
import { limits as sizes } from '../../schemas/limits.ts';
import { addressGroup } from '../client-ip.ts';
import type { EventStreams } from '../events/streams.ts';
import type { Fanout } from '../fanout/fanout.ts';
import { createHiding } from '../hidden-presence.ts';
import type { Capture } from '../http/exchange.ts';
import { traced } from '../http/meta.ts';
import type { Pipeline } from '../http/pipeline.ts';
import type { Respond } from '../http/respond.ts';
import type { RouteParts } from '../http/route.ts';
import type { Limits } from '../limits.ts';
import type { Origins } from '../origins.ts';
import { createWatchPresence } from '../watch-presence.ts';
import {
  type CloseReason,
  type Connection,
  newConnection,
  type Outlet,
  type SocketData,
  send,
} from './connection.ts';
import { createLanes } from './lanes.ts';
import { createOpening, type Opening } from './opening.ts';
import { createFramePipeline } from './pipeline.ts';
import { createAddresses, createUpgrade, plainRow, tooManySockets } from './upgrade.ts';

export interface SocketParts extends Capture {
  app: TemplatedApp;
  /** Names this gateway to user actors. */
  gateway: string;
  actors: Actors;
  bus: Bus;
  call: Call;
  /** Does not wait for a service that nobody serves just now. */
  callNow: Call;
  tokens: AccessTokens;
  revoked: Pick<RevokedLogins, 'has' | 'onRevoked'>;
  fanout: Fanout;
  streams: EventStreams;
  limits: Limits<'messages'>;
  rate: Rate;
  socketsPerIp: number;
  pingMs: number;
  maxBackpressure: number;
  /** Milliseconds that a call made for a frame may take. */
  budgetMs: number;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  origins: Origins;
  respond: Respond;
  http: Pipeline;
  draining(): boolean;
}

export interface Sockets {
  /**
   * What begins an event stream for this caller, in a response whose head is written. Throws `unavailable`
   * while draining, `rate_limited` where the address holds too many connections.
   */
  openStream: RouteParts['openStream'];
  /** Requests without a reply yet. */
  outstanding(): number;
  count(): number;
  /** The open ones, authenticated or not; they come and go while one walks over them. */
  all(): Iterable<Connection>;
  /** See `Opening`. */
  announce: Opening['announce'];
  /** What time brings: pings, deadlines, expired tokens. Called about once a second. */
  sweep(): void;
  /** Says `bye` to every socket: come back after some milliseconds of up to `spreadMs`. */
  sayBye(reason: string, spreadMs: number): void;
  /** Of a call that is made for the connection. */
  meta(connection: Connection): CallMeta;
  /** Ends watches of users who hide by now: after a loss on the bus. */
  reviewWatches(connection: Connection): Promise<void>;
  /** Ends all its watches: nobody can be asked who hides. */
  hideWatched(connection: Connection): void;
  /** Says `bye` and closes: this gateway cannot serve the connection now. */
  turnAway(connection: Connection): void;
  /**
   * Closes up to `most` sockets as draining; how many of these are left. `quiet`: only those without a request that
   * waits for its reply.
   */
  closeSome(most: number, quiet?: boolean): number;
  close(): void;
}

/** For a socket that nobody has authenticated. */
const authDeadlineMs = 10_000;
/** A socket that answers no ping for this many of their intervals is gone. */
const silentPings = 1.6;
/** What uWebSockets takes, in seconds. */
const idleLeast = 8;
const idleMost = 960;
/** Between the comment lines of an event stream. */
const commentMs = 15_000;
/** For a connection that ended without a code, as event streams do. */
const noCode = 1005;
/** A connection that we turned away comes back after up to this long. */
const awaySpreadMs = 3000;

export function createSockets(parts: SocketParts): Sockets {
  const { app, clock, fanout, logger, metrics, pingMs } = parts;
  const connections = new Set<Connection>();
  const addresses = createAddresses(parts.socketsPerIp);
  const closed = metrics.connectionsClosed;
  let requests = 0;

  const report = (error: unknown) => logger.error({ err: error }, 'a bug');

  function meta({ id, user, login_id, trace }: Connection, budget_ms = parts.budgetMs): CallMeta {
    const request_id = `${id}/${++requests}`;
    return traced({ request_id, ...(user && { user_id: user.id, login_id }), budget_ms }, trace);
  }

  function close(connection: Connection, why: CloseReason): void {
    const { state, ws } = connection;
    if (state === 'closing' || ws === undefined) return;
    connection.why = why;
    // Runs `onClose` before it returns.
    ws.end(closeCodes[why].code, why);
  }

  function turnAway(connection: Connection): void {
    send(connection, bye('unavailable', awaySpreadMs));
    close(connection, 'draining');
  }

  const opening = createOpening({ ...parts, meta, close, turnAway, report });
  const lanes = createLanes({
    actors: parts.actors,
    call: parts.call,
    callNow: parts.callNow,
    meta,
    budgetMs: parts.budgetMs,
    monotonic: () => clock.monotonic(),
    settle: (connection, settled) => frames.settle(connection, settled),
    report,
  });
  const frames = createFramePipeline({ ...parts, own, route: lanes.route, close, report });
  const upgrade = createUpgrade({
    ...parts,
    addresses,
    monotonic: () => clock.monotonic(),
    connect,
  });

  function own(connection: Connection, frame: RequestFrame): object | Promise<object> {
    switch (frame.type) {
      case 'ping':
        return {};
      case 'auth':
        return opening.auth(connection, frame.token);
      case 'presence.watch':
        return watch(connection, frame.user_ids, meta(connection));
      default:
        throw fail('internal');
    }
  }

  const hiding = createHiding({
    ...parts,
    call: parts.callNow,
    watches: fanout.watches,
    send,
    meta: () => ({ request_id: `${parts.gateway}/${++requests}`, budget_ms: parts.budgetMs }),
  });

  const watch = createWatchPresence({ ...parts, hiding });

  function connect(
    address: string,
    caller: Caller | undefined,
    ticket: string | undefined,
    trace: string | undefined,
    stream = false,
  ): Connection {
    const ping_ms = stream ? commentMs : pingMs;
    return newConnection({ address, caller, ticket, trace, stream, opened_at: clock.monotonic(), ping_ms });
  }

  function begin(connection: Connection, outlet: Outlet): void {
    connection.ws = outlet;
    connections.add(connection);
    metrics.connections.inc();
    metrics.connectionsOpened.inc();
  }

  /** `code`: the client's own. */
  function finish(connection: Connection, code: number): void {
    connection.state = 'closing';
    connection.ws = undefined;
    connections.delete(connection);
    addresses.leave(connection.address);
    opening.leave(connection);
    const { why } = connection;
    metrics.connections.dec();
    closed.inc({ code: why === undefined ? clientCode(code) : String(closeCodes[why].code) });
    if (why === 'too_slow') metrics.slowClientsClosed.inc();
  }

  const openStream: RouteParts['openStream'] = (caller, { ip, trace }) => {
    if (parts.draining()) throw fail('unavailable', { reason: 'draining' });
    const address = addressGroup(ip());
    if (addresses.full(address)) throw tooManySockets();
    return (res) => {
      // Others may have come while the answer waited for its turn: this client finds nothing, and asks again.
      if (!addresses.enter(address)) {
        res.end();
        return;
      }
      const connection = connect(address, undefined, undefined, trace, true);
      const stream = parts.streams.open(res, (slow) => {
        if (slow) connection.why ??= 'too_slow';
        finish(connection, noCode);
      });
      begin(connection, stream);
      opening.admit(connection, caller).catch(report);
    };
  };

  const behavior: WebSocketBehavior<SocketData> = {
    upgrade,
    maxPayloadLength: sizes.frameHard,
    maxBackpressure: parts.maxBackpressure,
    closeOnBackpressureLimit: true,
    // Pings are ours, at the pace that `ready` promises; this ends who stays silent.
    sendPingsAutomatically: false,
    idleTimeout: Math.min(idleMost, Math.max(idleLeast, Math.ceil((pingMs * silentPings) / 1000))),
    open(ws) {
      const { connection } = ws.getUserData();
      begin(connection, ws);
      const { caller, ticket } = connection;
      connection.caller = undefined;
      connection.ticket = undefined;
      if (caller !== undefined) opening.admit(connection, caller).catch(report);
      else if (ticket !== undefined) opening.redeem(connection, ticket).catch(report);
    },
    message(ws, data, isBinary) {
      frames.accept(ws.getUserData().connection, data, isBinary);
    },
    dropped(ws) {
      ws.getUserData().connection.why ??= 'too_slow';
    },
    close(ws, code) {
      finish(ws.getUserData().connection, code);
    },
  };
  app.ws('/ws', behavior);
  app.get('/ws', (res, req) => parts.http.accept(res, req, plainRow));

  const endRevoked = parts.revoked.onRevoked(({ user_id, login_ids }) => {
    for (const connection of [...(fanout.user(user_id)?.connections ?? [])])
      if (login_ids.includes(connection.login_id)) close(connection, 'revoked');
  });

  return {
    openStream,
    meta,
    turnAway,
    outstanding: frames.outstanding,
    count: () => connections.size,
    all: () => connections,
    announce: opening.announce,
    sweep() {
      const now = clock.monotonic();
      const today = clock.now();
      for (const connection of connections) {
        if (connection.user === undefined) {
          if (now - connection.opened_at >= authDeadlineMs) close(connection, 'unauthenticated');
        } else if (today >= connection.expires_at) close(connection, 'unauthenticated');
        if (now < connection.next_ping) continue;
        connection.next_ping = now + connection.ping_ms;
        connection.ws?.ping();
      }
    },
    sayBye(reason, spreadMs) {
      for (const connection of connections) send(connection, bye(reason, spreadMs));
    },
    closeSome(most, quiet = false) {
      const some = [...connections].filter(({ outstanding }) => !quiet || outstanding === 0);
      for (const connection of some.slice(0, most)) close(connection, 'draining');
      return Math.max(0, some.length - most);
    },
    reviewWatches: (connection) => hiding.review(connection, meta(connection)),
    hideWatched: hiding.hideAll,
    close() {
      endRevoked();
      hiding.close();
    },
  };
}

/** Each client comes back at another moment. */
function bye(reason: string, spreadMs: number): string {
  return encodeEvent('bye', { reason, reconnect_after_ms: Math.round(Math.random() * spreadMs) });
}

/** The codes that a metric may be labelled with; a client could send any. */
function clientCode(code: number): string {
  return [1000, 1001, 1005, 1006].includes(code) ? String(code) : 'other';
}

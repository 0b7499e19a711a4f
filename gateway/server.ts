import { App, type us_listen_socket, us_listen_socket_close, us_socket_local_port } from 'uWebSockets.js';
import { randomBytes } from 'node:crypto';
import type { Actors } from '../actors/client/ask.ts';
import type { Call } from '../ops/broker/call.ts';
import type { Bus } from '../ops/bus/bus.ts';
import type { Rates } from '../ops/config/rates.ts';
import type { OnlineKeys } from '../ops/ephemeral/online-keys.ts';
import type { Objects } from '../ops/objects/objects.ts';
import type { Clock } from '../ops/process/clock.ts';
import type { Health } from '../ops/process/health.ts';
import { StartError } from '../ops/process/start-error.ts';
import type { AccessTokens } from '../ops/security/access-tokens.ts';
import type { RevokedLogins } from '../ops/security/revoked-logins.ts';
import { type Logger, namespaced } from '../ops/telemetry/logger.ts';
import type { Metrics } from '../ops/telemetry/metrics.ts';
import { sampleQueue } from '../ops/telemetry/queues.ts';
import { encodeEvent } from '../schemas/frames/codec.ts';
import { subjects } from '../schemas/subjects.ts';
import { createAnnouncer } from './announce.ts';
import { createCallLimits, type SharedLimits } from './call-limits.ts';
import { createClientIp } from './client-ip.ts';
import { documentRoutes } from './documents/routes.ts';
import { drainSockets } from './drain.ts';
import { createEventStreams } from './events/streams.ts';
import { createDeliver } from './fanout/deliver.ts';
import { createFanout } from './fanout/fanout.ts';
import { createRecovery } from './fanout/recovery.ts';
import { createPipeline } from './http/pipeline.ts';
import { createRespond } from './http/respond.ts';
import type { Route } from './http/route.ts';
import { mount } from './http/router.ts';
import { eventRoutes } from './http/routes/events.ts';
import { presenceRoutes } from './http/routes/presence.ts';
import { systemRoutes } from './http/routes/system.ts';
import { createSending } from './http/send-stream.ts';
import { createLimits } from './limits.ts';
import { createGatewayMedia, sendingMost, uploadsMost } from './media.ts';
import { createOrigins } from './origins.ts';
import { presenceOfSome } from './presence.ts';
import { createReview } from './presence-review.ts';
import { createPage } from './web/page.ts';
import { pageRoutes } from './web/routes.ts';
import { createSockets } from './websocket/sockets.ts';

/** Settings under their names in `ops/config`; times in milliseconds. */
export interface GatewaySettings {
  host: string;
  /** 0 picks a free one. */
  port: number;
  allowedOrigins: readonly string[];
  trustedProxies: readonly string[];
  pingInterval: number;
  maxBackpressure: number;
  /** Budget of one request. */
  callTimeout: number;
}

export interface GatewayParts {
  settings: GatewaySettings;
  rates: Rates;
  /** Where several gateways count REST calls together; without it this one counts alone. */
  sharedLimits?: Omit<SharedLimits, 'clock'>;
  /** Where other programs look who is online. */
  online?: OnlineKeys | undefined;
  /** Names this gateway to user actors: unique per process. */
  nodeId: string;
  /** For clients: it may wait for a service that nobody serves just now. */
  call: Call;
  /** For what must not wait: who cannot be asked is taken to hide. Without it `call` is. */
  callNow?: Call;
  actors: Actors;
  /** Where actors live on other nodes: how many shards they have. Their owners may change, and forget connections. */
  shards?: number;
  bus: Bus;
  tokens: AccessTokens;
  revoked: Pick<RevokedLogins, 'has' | 'onRevoked'>;
  /** Learns again which logins were revoked: after a loss on the bus. A bus that loses nothing needs none. */
  recheckLogins?: () => Promise<void>;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  health: Health;
  /** Serve `GET /metrics` too: where the process has no port of its own for operators. */
  operators: boolean;
  /** Where the bytes of files lie. */
  objects: Objects;
  /** The API's own; those of the system and of presence are the gateway's. */
  routes: readonly Route[];
}

export interface Gateway {
  /** Throws a StartError where the port is taken. */
  listen(): Promise<{ port: number }>;
  /**
   * From now on not ready and deaf to new clients; what is in flight is answered, every socket is told
   * `bye` and closed. Settles within `withinMs`.
   */
  drain(withinMs: number): Promise<void>;
  /** Ends what is left at once. */
  close(): void;
}

const sweepMs = 1000;
/** The service's own time-out comes first, and says more. */
const graceMs = 1000;
/** Keeps two processes from sharing a port, as Linux would let them. */
const exclusivePort = 1;

/** The form of `listen` that uWebSockets has and its types lack. */
interface Listener {
  listen(host: string, port: number, options: number, cb: (socket: us_listen_socket | false) => void): void;
}

export function createGateway(parts: GatewayParts): Gateway {
  const { settings, rates, clock, metrics, health, call, actors, bus, tokens, revoked } = parts;
  const app = App();
  let draining = false;
  let listening: us_listen_socket | undefined;
  let cancelSweep: (() => void) | undefined;
  let ended = false;

  const sending = createSending();
  const media = createGatewayMedia(parts.objects, sending, (err) =>
    namespaced(parts.logger, 'http').warn({ err }, 'what clients send cannot be put into a temporary file'),
  );
  const common = {
    app,
    bus,
    call,
    callNow: parts.callNow ?? call,
    actors,
    tokens,
    revoked,
    clock,
    metrics,
    draining: () => draining,
    monotonic: () => clock.monotonic(),
    clientIp: createClientIp(settings.trustedProxies),
    origins: createOrigins(settings.allowedOrigins),
    limits: createLimits(clock, { messages: rates.messages }),
    callLimits: createCallLimits(rates, parts.sharedLimits && { ...parts.sharedLimits, clock }),
    nextId: requestIds(),
    streams: createEventStreams(settings.maxBackpressure),
    online: parts.online,
    media,
    budgetMs: settings.callTimeout + graceMs,
    graceMs,
  };
  const respond = createRespond({ ...common, logger: namespaced(parts.logger, 'http') });
  const http = createPipeline({
    ...common,
    respond,
    openStream: (caller, request) => sockets.openStream(caller, request),
    limited: (limit) => metrics.rateLimited.inc({ limit }),
  });
  const fanout = createFanout(common);
  const sockets = createSockets({
    ...common,
    respond,
    http,
    fanout,
    gateway: parts.nodeId,
    logger: namespaced(parts.logger, 'websocket'),
    rate: rates.frames,
    socketsPerIp: rates.socketsPerIp,
    pingMs: settings.pingInterval,
    maxBackpressure: settings.maxBackpressure,
    budgetMs: settings.callTimeout,
  });
  const endRecovery = createRecovery({
    bus,
    clock,
    fanout,
    logger: namespaced(parts.logger, 'fanout'),
    recheckLogins: parts.recheckLogins ?? (async () => {}),
    meta: (connection) => sockets.meta(connection),
    reviewWatches: (connection) => sockets.reviewWatches(connection),
    hideWatched: (connection) => sockets.hideWatched(connection),
    turnAway: (connection) => sockets.turnAway(connection),
  });
  const followOwners = (shards: number): (() => void) => {
    const deliver = createDeliver(app, common.streams, metrics);
    const own = { ...common, shards, connections: sockets.all() };
    const review = createReview({
      ...own,
      ask: (userIds) => presenceOfSome(actors, userIds),
      tell: (presence) =>
        deliver(subjects.presence(presence.user_id), { frame: encodeEvent('presence', presence) }, []),
    });
    const end = createAnnouncer({
      ...own,
      gateway: parts.nodeId,
      announce: sockets.announce,
      wanted: review.of,
    });
    return () => {
      end();
      review.close();
    };
  };
  const unfollow = parts.shards === undefined ? undefined : followOwners(parts.shards);
  const system = systemRoutes({
    health,
    metrics: parts.operators ? metrics : undefined,
    draining: common.draining,
  });
  const served = [...system, ...pageRoutes(createPage()), ...presenceRoutes, ...eventRoutes, ...parts.routes];
  mount(app, [...served, ...documentRoutes(served, () => health.report().version)], http);

  /** One coarse timer for everything that waits for time: a timer per connection would cost more. */
  function sweep(): void {
    http.sweep();
    sockets.sweep();
    metrics.requestsInFlight.set(http.inFlight());
    metrics.fanoutSubscriptions.set(fanout.size());
    sampleQueue(metrics, 'uploads', media.uploads(), uploadsMost);
    sampleQueue(metrics, 'downloads', sending.size, sendingMost);
    cancelSweep = clock.after(sweepMs, sweep);
  }

  function stopListening(): void {
    if (listening) us_listen_socket_close(listening);
    listening = undefined;
  }

  return {
    listen() {
      const { host, port } = settings;
      return new Promise((resolve, reject) => {
        (app as unknown as Listener).listen(host, port, exclusivePort, (socket) => {
          if (!socket) {
            reject(
              new StartError(
                `Cannot listen on ${host}:${port}: the port is taken or the address is not ours.`,
              ),
            );
            return;
          }
          listening = socket;
          cancelSweep = clock.after(sweepMs, sweep);
          resolve({ port: us_socket_local_port(socket) });
        });
      });
    },

    async drain(withinMs) {
      draining = true;
      stopListening();
      await drainSockets({ clock, sockets, requests: () => http.inFlight() }, withinMs);
    },

    close() {
      if (ended) return;
      ended = true;
      draining = true;
      cancelSweep?.();
      stopListening();
      endRecovery();
      unfollow?.();
      sockets.close();
      sending.close();
      app.close();
      fanout.close();
    },
  };
}

/** Request ids of our own: random per process, then counted. Random bytes for each would cost 2.5 µs. */
function requestIds(): () => string {
  const process = randomBytes(6).toString('base64url');
  let count = 0;
  return () => `${process}.${(++count).toString(36)}`;
}

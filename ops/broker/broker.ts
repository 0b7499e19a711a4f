import { type Context, type Middleware, ServiceBroker, type ServiceSchema } from 'moleculer';
import { fail, refusalOf } from '../../schemas/errors.ts';
import { systemClock } from '../process/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Call, CallMeta } from './call.ts';
import { clusterOf } from './cluster.ts';
import type { JoinedCalls } from './joined-calls.ts';
import { PinoBridge } from './pino-bridge.ts';
import { RefusalRegenerator, refused } from './refusals.ts';

export interface BrokerOptions {
  /** Unique per process: host-pid-nonce. */
  nodeId: string;
  logger: Logger;
  /** Milliseconds after which a call without a budget of its own ends as `timeout`. */
  requestTimeoutMs: number;
  /** Servers of one NATS, separated by commas; without it the broker is alone. */
  natsUrl?: string | undefined;
  /** Two deployments with different ones can share a NATS. Letters, digits, `_` and `-`. */
  namespace?: string;
  /** Calls to other nodes without an answer that this node may have; one more is refused as `unavailable`. */
  callsInFlight?: number;
}

export type Broker = ServiceBroker & {
  /** Calls of named nodes that are worth joining; none where it is alone. */
  readonly joined?: JoinedCalls;
};

/** About a third of a second of calls at the most that one process makes. */
const defaultCallsInFlight = 10_000;
/** Others hear within this that a node stops, before it takes no calls any more. */
const stopDelayMs = 100;

/**
 * Moleculer as Suhbat uses it: it finds the action, counts the time and lets calls in flight end when it
 * stops. Validation, metrics, caching and retries live elsewhere, so only three of its middlewares are on.
 */
export function createBroker(options: BrokerOptions): Broker {
  const { nodeId, logger, requestTimeoutMs, natsUrl, namespace = '' } = options;
  const callsInFlight = options.callsInFlight ?? defaultCallsInFlight;
  const cluster =
    natsUrl === undefined
      ? undefined
      : clusterOf({
          nodeId,
          natsUrl,
          namespace,
          callsInFlight,
          requestTimeoutMs,
          clock: systemClock,
          logger,
        });
  let calls = 0;
  const broker = new ServiceBroker({
    nodeID: nodeId,
    logger: new PinoBridge(logger),
    requestTimeout: requestTimeoutMs,
    // Without it a call made by a stopping process would not be waited for. It looks ten times a second whether all
    // have ended, and each has within its own time-out.
    tracking: { enabled: true, shutdownTimeout: requestTimeoutMs + 500 },
    ...cluster?.options,
    // The delay lets other nodes hear that this one leaves; alone there is nobody to hear it.
    registry: { preferLocal: true, stopDelay: cluster ? stopDelayMs : 0, ...cluster?.options.registry },
    errorRegenerator: new RefusalRegenerator(),
    // A counter is enough, since the node's id stands beside it, and costs no random bytes per call.
    uidGenerator: () => `${nodeId}/${++calls}`,
    internalServices: false,
    internalMiddlewares: false,
    middlewares: ['ContextTracker', 'Timeout', 'ErrorHandler', ...(cluster ? [waitFor(cluster.joined)] : [])],
    validator: false,
    cacher: false,
    metrics: false,
    tracing: false,
    // Signals are ours: see ops/process/run.ts.
    skipProcessEventRegistration: true,
  });
  if (cluster === undefined) return broker;
  cluster.begin(broker);
  return Object.assign(broker, { joined: cluster.joined });
}

/** Like calls of Moleculer, those that are under way are waited for. */
function waitFor(joined: JoinedCalls): Middleware {
  return { name: 'JoinedCalls', stopping: () => joined.settled() };
}

/** A handler of one action. It trusts `meta`; `params` were validated by whoever let the request in. */
export type Action<Params, Reply> = (params: Params, meta: CallMeta) => Promise<Reply> | Reply;

/**
 * A service as Moleculer takes it: `broker.createService(defineService('users', { login, refresh }))`
 * makes the actions `users.login` and `users.refresh`. Refusals are thrown: `throw fail('conflict', …)`.
 */
export function defineService(name: string, actions: Record<string, Action<never, unknown>>): ServiceSchema {
  return {
    name,
    actions: Object.fromEntries(
      Object.entries(actions).map(([action, handler]) => [
        action,
        (ctx: Context<unknown, Partial<CallMeta>>) => {
          const { params } = ctx;
          const meta = ctx.meta as CallMeta;
          // Moleculer would send it back with the answer.
          ctx.meta = {};
          // It came too late, and was not begun.
          if ((meta.budget_ms ?? 1) <= 0) throw fail('unavailable', { reason: 'expired' });
          return (handler as Action<unknown, unknown>)(params, meta);
        },
      ]),
    ),
  };
}

/** Told of every call: `code` is `ok`, or the refusal's, or `internal` for any other error. */
export type CallObserver = (action: string, code: string, seconds: number) => void;

/**
 * The one way to call a service. Rejects with a SuhbatError for every refusal, whichever node gave it:
 * `timeout` when the budget ended (the outcome is unknown), `unavailable` when nobody took the call. Any
 * other error is a bug of the action and comes through as it is.
 */
export function createCall(broker: ServiceBroker, observe?: CallObserver): Call {
  if (observe === undefined) return (action, params, meta) => callBroker(broker, action, params, meta);
  return async (action, params, meta) => {
    const started = performance.now();
    let code = 'ok';
    try {
      return await callBroker(broker, action, params, meta);
    } catch (error) {
      code = refusalOf(error).code;
      throw error;
    } finally {
      observe(action, code, (performance.now() - started) / 1000);
    }
  };
}

/** The same on one node and no other: how actors are asked. */
export type NodeCall = <Reply>(
  node: string,
  action: string,
  params: object,
  meta: CallMeta,
) => Promise<Reply>;

/** What a node answers by itself: its own actions, by their full names. */
export interface OwnActions {
  node: string;
  actions: Record<string, Action<never, unknown>>;
}

/**
 * `own` are asked for without the broker, whose context, timers and promises cost more than a turn of an actor;
 * and so are the actions named in `joined`, on other nodes.
 */
export function createNodeCall(broker: Broker, own?: OwnActions, joined = joinedActions): NodeCall {
  return <Reply>(nodeID: string, action: string, params: object, meta: CallMeta) => {
    const handler =
      nodeID === own?.node ? (own.actions[action] as Action<object, Reply> | undefined) : undefined;
    if (handler !== undefined) return Promise.resolve(handler(params, meta));
    if (broker.joined !== undefined && nodeID !== broker.nodeID && joined.includes(action))
      return broker.joined.call<Reply>(nodeID, action, params, meta);
    return callBroker<Reply>(broker, action, params, meta, { nodeID });
  };
}

/** They are offered through Moleculer, and served as joined calls as well: see `JoinedCalls.serve`. */
const joinedActions: readonly string[] = ['actors.ask', 'actors.peek'];

async function callBroker<Reply>(
  broker: ServiceBroker,
  action: string,
  params: object,
  meta: CallMeta,
  options: { nodeID?: string } = {},
): Promise<Reply> {
  const budget = meta.budget_ms;
  if (budget !== undefined && budget <= 0) throw fail('timeout');
  try {
    return await broker.call<Reply, object>(action, params, {
      ...options,
      meta,
      requestID: meta.request_id,
      ...(budget === undefined ? {} : { timeout: budget }),
    });
  } catch (error) {
    throw refused(error);
  }
}

import { type Context, Errors, Loggers, ServiceBroker, type ServiceSchema } from 'moleculer';
import { fail, type Refusal, refusalOf, SuhbatError } from '../../schemas/errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Call, CallMeta } from './call.ts';

export interface BrokerOptions {
  /** Unique per process: host-pid-nonce. */
  nodeId: string;
  logger: Logger;
  /** Milliseconds after which a call without a budget of its own ends as `timeout`. */
  requestTimeoutMs: number;
}

/**
 * Moleculer as Suhbat uses it: it finds the action, counts the time and lets calls in flight end when it
 * stops. Validation, metrics, caching and retries live elsewhere, so only three of its middlewares are on.
 */
export function createBroker({ nodeId, logger, requestTimeoutMs }: BrokerOptions): ServiceBroker {
  let calls = 0;
  return new ServiceBroker({
    nodeID: nodeId,
    logger: new PinoBridge(logger),
    requestTimeout: requestTimeoutMs,
    // Without it a call made by a stopping process would not be waited for.
    tracking: { enabled: true, shutdownTimeout: requestTimeoutMs },
    // The delay lets other nodes hear that this one leaves; alone there is nobody to hear it.
    registry: { preferLocal: true, stopDelay: 0 },
    errorRegenerator: new RefusalRegenerator(),
    // A counter is enough, since the node's id stands beside it, and costs no random bytes per call.
    uidGenerator: () => `${nodeId}/${++calls}`,
    internalServices: false,
    internalMiddlewares: false,
    middlewares: ['ContextTracker', 'Timeout', 'ErrorHandler'],
    validator: false,
    cacher: false,
    metrics: false,
    tracing: false,
    // Signals are ours: see ops/process/run.ts.
    skipProcessEventRegistration: true,
  });
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
        (ctx: Context<unknown, CallMeta>) => (handler as Action<unknown, unknown>)(ctx.params, ctx.meta),
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

/** `own` are asked for without the broker, whose context, timers and promises cost more than a turn of an actor. */
export function createNodeCall(broker: ServiceBroker, own?: OwnActions): NodeCall {
  return <Reply>(nodeID: string, action: string, params: object, meta: CallMeta) => {
    const handler =
      nodeID === own?.node ? (own.actions[action] as Action<object, Reply> | undefined) : undefined;
    if (handler === undefined) return callBroker<Reply>(broker, action, params, meta, { nodeID });
    return Promise.resolve(handler(params, meta));
  };
}

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

/** An error of a call as ours, by its `type`: classes do not survive the way between nodes. */
function refused(error: unknown): unknown {
  if (error instanceof SuhbatError || !(error instanceof Error) || !('type' in error)) return error;
  switch (error.type) {
    case 'REFUSAL':
      return new SuhbatError((error as unknown as { data: Refusal }).data);
    // A rejected or skipped request may have reached its node: unknown, like one without an answer.
    case 'REQUEST_TIMEOUT':
    case 'REQUEST_REJECTED':
    case 'REQUEST_SKIPPED':
      return fail('timeout');
    case 'SERVICE_NOT_FOUND':
    case 'SERVICE_NOT_AVAILABLE':
    case 'QUEUE_FULL':
    case 'BAD_GATEWAY':
      return fail('unavailable', { reason: 'no_service' });
    default:
      return error;
  }
}

/** Puts the refusal on the wire between nodes; `refused` makes a SuhbatError of it again. */
class RefusalRegenerator extends Errors.Regenerator {
  override extractPlainError(error: Error): Errors.PlainMoleculerError {
    const plain = super.extractPlainError(error);
    return error instanceof SuhbatError ? { ...plain, type: 'REFUSAL', data: error.refusal } : plain;
  }
}

/** Moleculer's chatter one level lower than it means it: its start is not news, its warnings are. */
const levels = {
  fatal: 'fatal',
  error: 'error',
  warn: 'warn',
  info: 'debug',
  debug: 'trace',
  trace: 'trace',
} as const;

class PinoBridge extends Loggers.Base<object> {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    super();
    this.#logger = logger;
  }

  override getLogHandler(bindings: { mod: string }) {
    const child = this.#logger.child({ module: bindings.mod });
    return (type: keyof typeof levels, args: unknown[]): void => {
      const level = levels[type];
      if (!child.isLevelEnabled(level)) return;
      const fields = args.find((arg) => typeof arg === 'object' && arg !== null) ?? {};
      const text = args.filter((arg) => typeof arg === 'string').join(' ');
      child[level](fields instanceof Error ? { err: fields } : fields, text);
    };
  }
}

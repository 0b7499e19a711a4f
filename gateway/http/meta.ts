import type { CallMeta } from '../../ops/broker/call.ts';
import type { RouteRequest } from './route.ts';

/** What a call to a service carries about the request that it is made for; to be asked for when the call is made. */
export function metaOf(request: RouteRequest): CallMeta {
  const { request_id, caller, trace } = request;
  const budget_ms = request.left();
  // Only who opens a login is kept with an address: asking for one costs more than the rest of this.
  const meta: CallMeta =
    caller === undefined
      ? { request_id, budget_ms, ip: request.ip(), device: request.device }
      : { request_id, budget_ms, user_id: caller.user_id, login_id: caller.login_id };
  return traced(meta, trace);
}

/**
 * Of a refresh: shorter than the SDK waits for one (3 s). The tokens of one that its client has given up on are lost,
 * and where it then asks again after more than ten seconds, that ends the login.
 */
const refreshMs = 2500;

export function refreshMetaOf(request: RouteRequest): CallMeta {
  return { ...metaOf(request), budget_ms: Math.min(refreshMs, request.left()) };
}

/** The same with the client's address, for acts that the audit log keeps. */
export function auditedMetaOf(request: RouteRequest): CallMeta {
  return { ...metaOf(request), ip: request.ip() };
}

/** The same object, with the request's trace where it has one. Without one it costs a message nothing. */
export function traced(meta: CallMeta, trace: string | undefined): CallMeta {
  if (trace !== undefined) meta.trace = trace;
  return meta;
}

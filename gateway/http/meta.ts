import type { CallMeta } from '../../ops/broker/call.ts';
import type { RouteRequest } from './route.ts';

/** What a call to a service carries about the request that it is made for. */
export function metaOf(request: RouteRequest): CallMeta {
  const { request_id, caller, trace } = request;
  // Only who opens a login is kept with an address: asking for one costs more than the rest of this.
  const meta: CallMeta =
    caller === undefined
      ? { request_id, ip: request.ip(), device: request.device }
      : { request_id, user_id: caller.user_id, login_id: caller.login_id };
  return traced(meta, trace);
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

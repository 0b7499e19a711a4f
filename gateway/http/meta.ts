import type { CallMeta } from '../../ops/broker/call.ts';
import type { RouteRequest } from './route.ts';

/** What a call to a service carries about the request that it is made for. */
export function metaOf({ request_id, caller, ip, device }: RouteRequest): CallMeta {
  return {
    request_id,
    ...(caller && { user_id: caller.user_id, login_id: caller.login_id }),
    ip,
    device,
  };
}

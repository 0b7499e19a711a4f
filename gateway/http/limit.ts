import { fail } from '../../schemas/errors.ts';
import type { CallLimit } from '../call-limits.ts';
import { addressGroup } from '../client-ip.ts';
import type { Exchange } from './exchange.ts';
import type { Later, PipelineParts } from './pipeline.ts';

/** The names of the limits, as metrics and headers tell them. */
export type LimitName = CallLimit | 'messages';

/** The pipeline's step `limit`: the caller's or the address's rate. Refuses as `rate_limited`. */
export function limit(exchange: Exchange, parts: PipelineParts): Later | undefined {
  const { row, request } = exchange;
  switch (row.route.limit) {
    case 'auth':
      return takeCall(exchange, parts, 'authPerIp', addressGroup(request.ip()));
    case 'calls':
      return takeCall(exchange, parts, 'calls', request.caller?.user_id ?? addressGroup(request.ip()));
    case 'messages': {
      const wait = parts.limits.take('messages', request.caller?.login_id ?? addressGroup(request.ip()));
      if (wait > 0) refuseOver(exchange, parts, 'messages', wait, parts.limits.policy('messages'));
    }
  }
  return undefined;
}

function takeCall(exchange: Exchange, parts: PipelineParts, name: CallLimit, key: string): Later | undefined {
  const wait = parts.callLimits.take(name, key);
  if (typeof wait !== 'number') return wait.then((ms) => judge(exchange, parts, name, ms));
  return judge(exchange, parts, name, wait);
}

function judge(exchange: Exchange, parts: PipelineParts, name: CallLimit, wait: number): undefined {
  if (wait > 0) refuseOver(exchange, parts, name, wait, parts.callLimits.policy(name));
}

function refuseOver(
  exchange: Exchange,
  { limited }: PipelineParts,
  name: LimitName,
  retry_after_ms: number,
  policy: { quota: number; seconds: number },
): never {
  limited(name);
  exchange.limit = { name, ...policy };
  throw fail('rate_limited', { retry_after_ms });
}

/** The step `limitName`: however a client writes the name that it tries, it is one name. */
export function limitName(exchange: Exchange, parts: PipelineParts): Later | undefined {
  const { row, request } = exchange;
  if (row.route.limit !== 'auth') return undefined;
  const { email, login, username } = (request.body ?? {}) as Record<string, unknown>;
  const name = email ?? login ?? username;
  if (typeof name !== 'string') return undefined;
  return takeCall(exchange, parts, 'authPerAddress', name.trim().toLowerCase());
}

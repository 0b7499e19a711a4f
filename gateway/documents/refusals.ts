import { type ErrorCode, errorCatalogue } from '../../schemas/errors.ts';
import type { RequestType } from '../../schemas/frames/client.ts';
import { type Refusals, requestRefusals } from '../../schemas/refusals.ts';
import type { Route } from '../http/route.ts';

/** By code, the reasons that are known; none: the code says it all. */
export type Given = ReadonlyMap<ErrorCode, readonly string[]>;

/** Over the network every one of these may come, from whatever asks more than the gateway itself. */
const always = ['rate_limited', 'internal', 'unavailable', 'actor_moved', 'timeout'] as const;

export const tokenReasons = ['no_token', 'token_invalid', 'token_expired', 'login_revoked'];

/** What a request header may be refused with, by its name. */
export const headerRefusals: Readonly<Record<string, Refusals>> = {
  'idempotency-key': {
    invalid: ['bad_idempotency_key'],
    conflict: ['key_running'],
    unprocessable: ['key_reused'],
  },
  'if-match': { invalid: ['bad_if_match'], conflict: ['changed'] },
};

/** Every refusal that a route can give: what its row says, and what the pipeline does for such a row. */
export function routeRefusals(route: Route): Given {
  const given = new Map<ErrorCode, readonly string[]>();
  const hasParams = route.path.includes('{');
  if (hasParams || route.query || route.body) given.set('invalid', []);
  if (route.auth !== 'open') given.set('unauthenticated', tokenReasons);
  if (hasParams) given.set('not_found', []);
  if (route.body || route.upload) {
    given.set('too_large', []);
    given.set('unsupported_media_type', []);
  }
  if (route.limit === 'none') given.set('internal', []);
  else for (const code of always) given.set(code, []);
  for (const header of route.headers ?? []) merged(given, headerRefusals[header]);
  return merged(given, route.refusals);
}

/** The same for a request frame. */
export function frameRefusals(type: RequestType): Given {
  const given = new Map<ErrorCode, readonly string[]>([['invalid', []]]);
  if (type !== 'ping' && type !== 'auth') given.set('unauthenticated', ['no_token']);
  for (const code of always) given.set(code, []);
  return merged(given, requestRefusals[type]);
}

function merged(given: Map<ErrorCode, readonly string[]>, more: Refusals = {}): Given {
  for (const [code, reasons] of Object.entries(more) as [ErrorCode, readonly string[]][])
    given.set(code, [...new Set([...(given.get(code) ?? []), ...reasons])]);
  return given;
}

/** Codes of one HTTP status, in the order of the catalogue. */
export function byStatus(given: Given): Map<number, ErrorCode[]> {
  const statuses = new Map<number, ErrorCode[]>();
  for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
    if (!given.has(code)) continue;
    const { status } = errorCatalogue[code];
    statuses.set(status, [...(statuses.get(status) ?? []), code]);
  }
  return statuses;
}

/** One line per code: `` `forbidden` (`not_admin`, `owner`): This is not yours to do ``. */
export function sentence(code: ErrorCode, reasons: readonly string[]): string {
  const named = reasons.length === 0 ? '' : ` (${reasons.map((reason) => `\`${reason}\``).join(', ')})`;
  return `\`${code}\`${named}: ${errorCatalogue[code].title}.`;
}

import { createHash } from 'node:crypto';
import { errorCatalogue, fail, type Refusal, refusalOf, SuhbatError } from '../../schemas/errors.ts';
import { hashedId } from '../../schemas/hashed-id.ts';
import type { BegunKey, KeptAnswer, KeyedRequest } from '../../schemas/rest/idempotency.ts';
import type { Exchange } from './exchange.ts';
import { metaOf } from './meta.ts';
import type { Answer, RouteParts, RouteRequest } from './route.ts';

/** The header that a route names to take part. */
export const keyHeader = 'idempotency-key';

/** Visible ASCII. */
const goodKey = /^[\x21-\x7e]{1,255}$/;

/** The key that came with a request, where its route takes one. Throws `invalid` (`bad_idempotency_key`). */
export function keyOf({ headers }: RouteRequest): string | undefined {
  const key = headers?.[keyHeader] ?? '';
  if (key === '') return undefined;
  if (!goodKey.test(key))
    throw fail('invalid', {
      reason: 'bad_idempotency_key',
      errors: [{ path: '/Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }],
    });
  return key;
}

/**
 * The id that a keyed request makes: the same however often it is repeated, so that a repeat whose first try has
 * left no answer (a crash, a timeout) finds what that one made.
 */
export function idOfKey(request: RouteRequest): string | undefined {
  const key = keyOf(request);
  return key === undefined ? undefined : hashedId(`suhbat idempotency key ${request.caller?.user_id} ${key}`);
}

/**
 * Does the work of a request with this key once: the same caller, key and request get the same answer for 24 h.
 * Refusals that may pass, and what failed on our side, are not kept: a repeat tries again.
 */
export async function once(exchange: Exchange, key: string, parts: RouteParts): Promise<Answer> {
  const { request, row } = exchange;
  const { call, callNow } = parts;
  const keyed: KeyedRequest = { key, body_hash: hashOf(exchange) };
  const { answer: kept } = await call<BegunKey>('keys.begin', keyed, metaOf(request));
  if (kept !== undefined) return again(kept);
  async function tell(action: string, more: object = {}): Promise<void> {
    const params = { ...keyed, ...more };
    // Where it cannot be told at once the work is done all the same, and its answer is due.
    await callNow(action, params, metaOf(request)).catch(() => {
      call(action, params, metaOf(request)).catch(() => {});
    });
  }
  try {
    const answer = await row.route.handle(request, parts);
    await tell('keys.keep', { answer: { status: answer.status, body: answer.body } satisfies KeptAnswer });
    return answer;
  } catch (error) {
    const refusal = refusalOf(error);
    const { status, retryable } = errorCatalogue[refusal.code];
    if (status < 500 && !retryable) await tell('keys.keep', { answer: { status, refusal } });
    else await tell('keys.drop');
    throw error;
  }
}

function again({ status, body, refusal }: KeptAnswer): Answer {
  if (refusal !== undefined) throw new SuhbatError(refusal satisfies Refusal);
  return { status, body };
}

function hashOf({ row, rawParams, raw }: Exchange): string {
  const hash = createHash('sha256').update(
    `${row.route.method} ${row.route.path} ${JSON.stringify(rawParams)}\n`,
  );
  if (raw !== undefined) hash.update(raw);
  return hash.digest('base64');
}

import { defineService } from '../../ops/broker/broker.ts';
import type { CallMeta } from '../../ops/broker/call.ts';
import { type Database, storing } from '../../ops/connections/postgres.ts';
import type { Clock } from '../../ops/process/clock.ts';
import { fail } from '../../schemas/errors.ts';
import type { BegunKey, KeptAnswer, KeyedRequest } from '../../schemas/rest/idempotency.ts';
import { dropExpired, dropKey, findKey, keepAnswer, takeKey } from './keys.store.ts';

export interface KeysParts {
  db: Database;
  clock: Clock;
}

const keptMs = 24 * 3600_000;
/** Well above what a request may take; after a crash the same request may begin anew so much later. */
const lockMs = 15_000;
const expiredAtOnce = 20;
/** Greater answers are not kept: the request then begins anew. Bytes of JSON. */
const answerMost = 64 * 1024;

/** The service `keys`: what was answered to requests that carry an `Idempotency-Key`. */
export function createKeysService({ db, clock }: KeysParts) {
  return defineService('keys', {
    /**
     * A request begins: nothing, or what was answered to the same one. Throws `unprocessable` (`key_reused`) where
     * the key belongs to another request, `conflict` (`key_running`) where it has not ended.
     */
    async begin({ key, body_hash }: KeyedRequest, meta: CallMeta): Promise<BegunKey> {
      const place = placeOf(key, meta);
      const now = clock.now();
      const times = { now, lockedUntil: now + lockMs, expiresAt: now + keptMs };
      return storing(async () => {
        if (await takeKey(db, place, body_hash, times)) {
          await dropExpired(db, now, expiredAtOnce);
          return {};
        }
        const found = await findKey(db, place, body_hash);
        if (found?.same_body === false)
          throw fail('unprocessable', {
            reason: 'key_reused',
            detail: 'This Idempotency-Key was sent with another request',
          });
        // Gone in this moment: somebody has just dropped it.
        if (found === null || found.answer === null)
          throw fail('conflict', {
            reason: 'key_running',
            detail: 'The first request with this Idempotency-Key has not ended',
          });
        return { answer: found.answer as KeptAnswer };
      });
    },

    /** The request has ended: what it was answered is kept for 24 h. */
    async keep(
      { key, body_hash, answer }: KeyedRequest & { answer: KeptAnswer },
      meta: CallMeta,
    ): Promise<void> {
      const place = placeOf(key, meta);
      const text = JSON.stringify(answer);
      await storing(() =>
        Buffer.byteLength(text) > answerMost
          ? dropKey(db, place, body_hash)
          : keepAnswer(db, place, body_hash, answer.status, text),
      );
    },

    /** The request has failed in a way that may pass: the next one begins anew. */
    async drop({ key, body_hash }: KeyedRequest, meta: CallMeta): Promise<void> {
      const place = placeOf(key, meta);
      await storing(() => dropKey(db, place, body_hash));
    },
  });
}

function placeOf(key: string, { user_id }: CallMeta): { user_id: string; key: string } {
  if (user_id === undefined) throw fail('unauthenticated');
  return { user_id, key };
}

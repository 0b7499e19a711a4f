import type { Objects } from '../ops/objects/objects.ts';
import { fail } from '../schemas/errors.ts';
import type { Sending } from './http/send-stream.ts';

/** What gateways have to do with bytes of files: bounded in how many move at the same time. */
export interface GatewayMedia {
  objects: Objects;
  sending: Sending;
  /** Throws `unavailable` (`media_busy`) and `rate_limited` (`too_many_uploads`); the result gives the place back. */
  takePlace(userId: string): () => void;
  /** Throws `unavailable` (`media_busy`). */
  checkSending(): void;
  uploads(): number;
  /** Tells the operator why there is no room for what a client sends. */
  onFault(error: unknown): void;
}

/** Each holds about 1 MiB while its bytes move. */
export const uploadsMost = 64;
/** Of one user, so that nobody takes all the places. */
const uploadsOfUser = 4;
export const sendingMost = 1000;
const retryMs = 2000;

export function createGatewayMedia(
  objects: Objects,
  sending: Sending,
  onFault: (error: unknown) => void,
): GatewayMedia {
  const places = new Map<string, number>();
  let taken = 0;

  return {
    objects,
    sending,
    uploads: () => taken,
    onFault,
    takePlace(userId) {
      if (taken >= uploadsMost) throw fail('unavailable', { reason: 'media_busy', retry_after_ms: retryMs });
      const own = places.get(userId) ?? 0;
      if (own >= uploadsOfUser)
        throw fail('rate_limited', {
          reason: 'too_many_uploads',
          detail: `At most ${uploadsOfUser} uploads at the same time`,
          retry_after_ms: retryMs,
        });
      taken++;
      places.set(userId, own + 1);
      let given = false;
      return () => {
        if (given) return;
        given = true;
        taken--;
        const left = (places.get(userId) ?? 1) - 1;
        if (left === 0) places.delete(userId);
        else places.set(userId, left);
      };
    },
    checkSending() {
      if (sending.size >= sendingMost)
        throw fail('unavailable', { reason: 'media_busy', retry_after_ms: retryMs });
    },
  };
}

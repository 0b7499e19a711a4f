import type { Call, CallMeta } from '../../ops/broker/call.ts';
import type { Database } from '../../ops/connections/postgres.ts';
import type { Objects } from '../../ops/objects/objects.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { MediaUrls } from '../../ops/security/media-urls.ts';
import { fail } from '../../schemas/errors.ts';
import type { Images } from './images.ts';

/** What the media service is made of. */
export interface MediaParts {
  db: Database;
  objects: Objects;
  urls: MediaUrls;
  images: Images;
  call: Call;
  clock: Clock;
  /** Bytes that one user's files may take. */
  quota: number;
}

/** Who asks. The gateway has checked the access token; a call without one is refused. */
export function userOf({ user_id }: CallMeta): string {
  if (user_id === undefined) throw fail('unauthenticated', { reason: 'no_token' });
  return user_id;
}

export function noFile() {
  return fail('not_found', { reason: 'no_file', detail: 'There is no such file, or not for you' });
}

import type { Call, CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import { fail } from '../../schemas/errors.ts';
import { takeAvatarOff, wearsAvatar } from './avatars.store.ts';
import type { UsersParts } from './parts.ts';
import { createProfileCache } from './profile-cache.ts';

/** What the media service asks about avatars. */
export function avatarActions({ db, clock, profiles }: UsersParts) {
  const cache = createProfileCache(profiles);

  return {
    /** Does a profile carry this file? Profiles are seen by everybody. */
    async wears({ file_id }: { file_id: string }): Promise<boolean> {
      return storing(() => wearsAvatar(db, file_id));
    },

    /** The file is gone: whoever wears it, wears none. */
    async undress({ file_id }: { file_id: string }): Promise<void> {
      for (const id of await storing(() => takeAvatarOff(db, file_id, clock.now()))) await cache.drop(id);
    },
  };
}

/**
 * Throws `unprocessable` (`avatar_not_found`) where this is no picture of the caller's. Asked before the profile takes
 * it, and again after: whoever deletes the file meanwhile takes it off too, before or after one of the two.
 */
export async function needWearable(call: Call, file_id: string, meta: CallMeta): Promise<void> {
  if (!(await call<boolean>('media.wearable', { file_id }, meta)))
    throw fail('unprocessable', {
      reason: 'avatar_not_found',
      detail: 'This is no image that you have uploaded',
    });
}

import type { Presence } from '../../schemas/frames/server.ts';
import { createBackoff } from './backoff.ts';
import { asClientError, type ClientError, isFinal } from './client-error.ts';
import type { Platform } from './platform.ts';
import type { Requests } from './requests.ts';
import type { Settings } from './settings.ts';

/** The users whose presence is watched: asked again on every new connection, which knows nothing of it. */
export interface PresenceWatch {
  /** Replaces the list and tells how they are now; up to 200. */
  watch(userIds: string[]): Promise<Presence[]>;
  /** Asks again; every answer goes out as an event. */
  ready(): void;
  down(): void;
}

export interface PresenceParts {
  platform: Platform;
  settings: Settings;
  requests: Requests;
  emit(presence: Presence): void;
  problem(error: ClientError): void;
}

export function createPresenceWatch(parts: PresenceParts): PresenceWatch {
  const { platform, settings, requests } = parts;
  const backoff = createBackoff(platform, settings);
  let watched: string[] = [];
  let cancelWait = () => {};
  let run = 0;

  async function renew(mine: number) {
    if (watched.length === 0) return;
    try {
      const { users } = await requests.now('presence.watch', { user_ids: watched });
      backoff.reset();
      for (const presence of users) parts.emit(presence);
    } catch (thrown) {
      const error = asClientError(thrown);
      if (mine !== run) return;
      if (isFinal(error)) return parts.problem(error);
      const ms = Math.max(backoff.next(), error.retry_after_ms ?? 0);
      cancelWait = platform.after(ms, () => void renew(mine));
    }
  }

  function down() {
    run++;
    cancelWait();
  }

  return {
    async watch(userIds) {
      watched = [...userIds];
      const { users } = await requests.whenReady('presence.watch', { user_ids: watched });
      return users;
    },
    ready() {
      down();
      void renew(run);
    },
    down,
  };
}

import type { CallMeta } from '../../ops/broker/call.ts';
import { isUniqueViolation, storing, type Transaction } from '../../ops/connections/postgres.ts';
import type { UserShort } from '../../schemas/common.ts';
import { fail } from '../../schemas/errors.ts';
import { isVersion, profileTag } from '../../schemas/etag.ts';
import { isUuid } from '../../schemas/ids.ts';
import type { Page, ProfileList } from '../../schemas/rest/accounts.ts';
import { type PrivacyNote, subjects } from '../../schemas/subjects.ts';
import {
  type OwnProfile,
  type Profile,
  type ProfileChanges,
  settingsBytes,
} from '../../schemas/user/profile.ts';
import { needWearable } from './avatars.ts';
import { decodeCursor, paged } from './cursor.ts';
import { callerOf, type UsersParts } from './parts.ts';
import { createProfileCache } from './profile-cache.ts';
import { newestUsers, usersInOrder } from './search.store.ts';
import { findPeople } from './search.ts';
import { decodeSearchPlace, encodeSearchPlace } from './search-cursor.ts';
import { restingNames, restsUntil } from './usernames.store.ts';
import { isReserved, usernameReserved, usernameTaken } from './usernames.ts';
import { findShorts, findUser, findUserByUsername, lockUser, updateUser } from './users.store.ts';
import type { UserRow } from './views.ts';

/** Names that one user may keep from others by giving them up: five changes in 30 days. */
const mostResting = 5;

/** Users as they see themselves and each other. */
export function profileActions({ db, call, bus, clock, profiles, views }: UsersParts) {
  const { profileOf, ownProfileOf, avatarOf } = views;
  const cache = createProfileCache(profiles);
  const find = (userId: string) => cache.read(userId, () => storing(() => findUser(db, userId)));

  return {
    async me(_: object, meta: CallMeta): Promise<OwnProfile> {
      return me(callerOf(meta).user_id);
    },

    /**
     * `if_match`: only where the profile's tag (`profileTag`) is one of these. Throws `conflict` (`username_taken`,
     * `changed`), `unprocessable` (`username_reserved`, `timezone_unknown`, `settings_too_large`,
     * `avatar_not_found`), `rate_limited` (`too_many_usernames`).
     */
    async update(
      { changes, if_match }: { changes: ProfileChanges; if_match?: readonly string[] },
      meta: CallMeta,
    ): Promise<OwnProfile> {
      const { user_id } = callerOf(meta);
      refuseUnfit(changes);
      const { avatar_id } = changes;
      if (avatar_id) await needWearable(call, avatar_id, meta);
      const row = await storing(() => change(user_id, changes, if_match))
        .catch((error: unknown) => {
          throw isUniqueViolation(error, 'users_username_key') ? usernameTaken() : error;
        })
        // Also where nobody knows whether it was written.
        .finally(() => cache.drop(user_id));
      if (avatar_id)
        await needWearable(call, avatar_id, meta).catch(async (error) => {
          await call('users.undress', { file_id: avatar_id }, meta);
          throw error;
        });
      // A look at what is left behind; the next change brings another.
      if (avatar_id !== undefined) await call('media.avatar_changed', {}, meta).catch(() => {});
      if (changes.settings !== undefined)
        bus.publish(subjects.privacy, { frame: '', note: { user_id } satisfies PrivacyNote });
      return ownProfileOf(row ?? gone());
    },

    /** By id or username. Throws `not_found`. */
    async get({ id }: { id: string }, meta: CallMeta): Promise<Profile> {
      callerOf(meta);
      const row = await (isUuid(id) ? find(id) : storing(() => byUsername(id)));
      return profileOf(row ?? nobody());
    },

    /**
     * `search` in usernames and display names, best first; all users, newest first, when it is empty. Who is blocked,
     * either way, is hidden. A page may hold fewer than `limit`. Throws `invalid` (`bad_cursor`).
     */
    async search({ search, limit, cursor }: Page & { search: string }, meta: CallMeta): Promise<ProfileList> {
      const viewer = callerOf(meta).user_id;
      const text = search.trim().replace(/^@/, '');
      if (text === '') return newest(viewer, cursor, limit);
      const after = cursor === undefined ? undefined : decodeSearchPlace(cursor);
      return storing(async () => {
        const { ids, next } = await findPeople(db, { text, viewer, after, limit });
        const rows = await usersInOrder(db, ids);
        return {
          items: rows.map(profileOf),
          next_cursor: next === undefined ? null : encodeSearchPlace(next),
        };
      });
    },

    /** For other services: the short forms of those of these ids that are users, in no order. */
    async shorts({ ids }: { ids: readonly string[] }): Promise<UserShort[]> {
      const rows = ids.length === 0 ? [] : await storing(() => findShorts(db, ids));
      return rows.map(({ avatar_id, ...row }) => ({ ...row, avatar: avatarOf({ avatar_id }) }));
    },

    /** For other services. Throws `not_found`. */
    async by_username({ username }: { username: string }): Promise<UserShort> {
      const row = (await storing(() => byUsername(username))) ?? nobody();
      const { id, username: name, display_name } = row;
      return { id, username: name, display_name, avatar: avatarOf(row) };
    },
  };

  /** The row stays locked from the look at its tag until it is changed. */
  async function change(
    userId: string,
    changes: ProfileChanges,
    tags: readonly string[] | undefined,
  ): Promise<UserRow | null> {
    const nothing = Object.keys(changes).length === 0;
    const { username } = changes;
    if (tags === undefined && username === undefined)
      return nothing ? findUser(db, userId) : updateUser(db, userId, changes, clock.now());
    return db.transaction(async (tx) => {
      const row = await lockUser(tx, userId);
      if (row === null) return null;
      if (tags !== undefined && !isVersion(tags, profileTag(ownProfileOf(row)))) throw changedMeanwhile();
      if (username !== undefined) await refuseUsername(tx, row, username);
      return nothing ? row : updateUser(tx, userId, changes, clock.now());
    });
  }

  async function newest(viewer: string, cursor: string | undefined, limit: number): Promise<ProfileList> {
    const after = cursor === undefined ? undefined : decodeCursor(cursor).id;
    const rows = await storing(() => newestUsers(db, viewer, after, limit + 1));
    return paged(rows, limit, ({ id }) => ({ rank: 0, id }), profileOf);
  }

  async function me(userId: string): Promise<OwnProfile> {
    return ownProfileOf((await find(userId)) ?? gone());
  }

  /** Somebody who was given a reserved name (`user7`) may keep it, and take it back while it rests. */
  async function refuseUsername(tx: Transaction, row: UserRow, username: string): Promise<void> {
    const isSame = (other: string) => other.toLowerCase() === username.toLowerCase();
    if (isSame(row.username)) return;
    const now = clock.now();
    const resting = await restingNames(tx, row.id, now);
    if (resting.some((former) => isSame(former.username))) return;
    if (isReserved(username)) throw usernameReserved();
    const [oldest] = resting;
    if (oldest !== undefined && resting.length >= mostResting)
      throw fail('rate_limited', {
        reason: 'too_many_usernames',
        detail: 'You have changed your username too often',
        retry_after_ms: restsUntil(oldest.freed_at) - now,
      });
  }

  async function byUsername(username: string): Promise<UserRow | null> {
    return username.includes('\0') ? null : findUserByUsername(db, username);
  }
}

function refuseUnfit({ timezone, settings }: ProfileChanges): void {
  if (typeof timezone === 'string' && !isTimezone(timezone))
    throw fail('unprocessable', { reason: 'timezone_unknown', detail: 'There is no such IANA time zone' });
  if (settings && jsonBytes(settings) > settingsBytes)
    throw fail('unprocessable', {
      reason: 'settings_too_large',
      detail: `Settings take at most ${settingsBytes} bytes of JSON`,
    });
}

/** Infinite for what nests deeper than can be written. */
function jsonBytes(value: object): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** A name, not an offset such as `+05:00`, that this runtime's time zone data knows. */
function isTimezone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

function changedMeanwhile() {
  return fail('conflict', { reason: 'changed', detail: 'It was changed meanwhile: read it again' });
}

/** The token is good but its user is not there any more. */
function gone(): never {
  throw fail('unauthenticated', { reason: 'no_account', detail: 'This account does not exist any more' });
}

function nobody(): never {
  throw fail('not_found', { reason: 'no_user' });
}

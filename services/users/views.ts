import type { OwnProfile, Profile } from '../../schemas/user/profile.ts';

/** A row of `users` as the store reads it: everything but the password. */
export interface UserRow
  extends Omit<Profile, 'avatar' | 'is_following'>,
    Omit<OwnProfile, keyof Profile | 'email' | 'email_verified'> {
  email: string | null;
  pending_email: string | null;
  banned_at: string | null;
}

/** A user as others see it: field by field, so that a new column is private until it is named here. */
export function profileOf(row: UserRow): Profile {
  return {
    id: row.id,
    number: row.number,
    username: row.username,
    first_name: row.first_name,
    last_name: row.last_name,
    display_name: row.display_name,
    bio: row.bio,
    about: row.about,
    level: row.level,
    avatar: null,
    created_at: row.created_at,
    updated_at: row.updated_at,
    followers_count: row.followers_count,
    followings_count: row.followings_count,
    is_following: false,
  };
}

/** A user's own view. Until an address is verified, the one that is claimed is shown. */
export function ownProfileOf(row: UserRow): OwnProfile {
  return {
    ...profileOf(row),
    email: row.email ?? row.pending_email,
    email_verified: row.email !== null,
    timezone: row.timezone,
    interests_txt: row.interests_txt,
    role: row.role,
    settings: row.settings,
  };
}

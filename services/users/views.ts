import type { MediaUrls } from '../../ops/security/media-urls.ts';
import type { Avatar } from '../../schemas/common.ts';
import type { OwnProfile, Profile } from '../../schemas/user/profile.ts';

/** A row of `users` as the store reads it: everything but the password. */
export interface UserRow
  extends Omit<Profile, 'avatar' | 'is_following'>,
    Omit<OwnProfile, keyof Profile | 'email' | 'email_verified'> {
  email: string | null;
  pending_email: string | null;
  banned_at: string | null;
  avatar_id: string | null;
}

/** Rows as users see them. */
export interface Views {
  profileOf(row: UserRow): Profile;
  /** A user's own view. Until an address is verified, the one that is claimed is shown. */
  ownProfileOf(row: UserRow): OwnProfile;
  /** `avatar_id` as everybody sees it: an avatar may be seen by whoever sees the profile. */
  avatarOf(row: { avatar_id: string | null }): Avatar | null;
}

export function createViews(urls: Pick<MediaUrls, 'file' | 'thumb'>): Views {
  const avatarOf = ({ avatar_id: id }: { avatar_id: string | null }) =>
    id === null ? null : { url: urls.file(id), thumb_url: urls.thumb(id) };

  /** Field by field, so that a new column is private until it is named here. */
  function profileOf(row: UserRow): Profile {
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
      avatar: avatarOf(row),
      created_at: row.created_at,
      updated_at: row.updated_at,
      followers_count: row.followers_count,
      followings_count: row.followings_count,
      is_following: false,
    };
  }

  function ownProfileOf(row: UserRow): OwnProfile {
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

  return { profileOf, ownProfileOf, avatarOf };
}

import Type, { type Static } from 'typebox';
import { About, Avatar, Id, Nullable, Strict, Time, Username } from '../common.ts';

/** A user as the API shows it, and what a user may change of it. */

/** Something visible, on one line. */
export const Name = Type.String({ minLength: 1, maxLength: 64, pattern: '^\\P{Cc}*[^\\p{Cc}\\s]\\P{Cc}*$' });
export const Bio = Type.String({ maxLength: 512 });
export const Level = Type.Enum(['A1', 'A2', 'B1', 'B2', 'C1', 'C2']);
export type Level = Static<typeof Level>;

/** Who of the others; absent: everybody. `contacts`: whom the user has among the contacts. */
const Audience = Type.Enum(['everybody', 'contacts', 'nobody']);

/** What a user lets others do. Whom the user blocks may none of it. */
export const Privacy = Strict({
  last_seen: Type.Optional({ ...Audience, description: 'see whether and when the user is online' }),
  messages: Type.Optional({
    ...Audience,
    description: 'open a private chat; in one that is there both may write',
  }),
  groups: Type.Optional({ ...Audience, description: 'add the user to a group' }),
});
export type Right = keyof Static<typeof Privacy>;

/** `privacy` has effect; all else is a client's own. Replaced as a whole, at most 8 KiB of JSON. */
export const Settings = Type.Object(
  { privacy: Type.Optional(Privacy) },
  { additionalProperties: true, maxProperties: 100 },
);
export const settingsBytes = 8 * 1024;

const profile = {
  id: Id,
  number: Type.Integer({ description: 'a small number, for clients that need one' }),
  username: Type.String(),
  first_name: Nullable(Type.String()),
  last_name: Nullable(Type.String()),
  display_name: Type.String(),
  bio: Nullable(Type.String()),
  about: Nullable(Type.String()),
  level: Nullable(Level),
  avatar: Nullable(Avatar),
  created_at: Time,
  updated_at: Time,
  followers_count: Type.Integer(),
  followings_count: Type.Integer(),
  is_following: Type.Boolean(),
};

/** A user as others see it. */
export const Profile = Type.Object(profile);
export type Profile = Static<typeof Profile>;

/** A user's own view. */
export const OwnProfile = Type.Object({
  ...profile,
  email: Nullable(Type.String()),
  email_verified: Type.Boolean(),
  timezone: Nullable(Type.String()),
  interests_txt: Nullable(Type.String()),
  role: Type.String(),
  settings: Type.Object({}, { additionalProperties: true }),
});
export type OwnProfile = Static<typeof OwnProfile>;

/** `PATCH /me`: absent = unchanged, null = cleared (a cleared display name becomes the default again). */
export const ProfileChanges = Strict({
  display_name: Type.Optional(Nullable(Name)),
  first_name: Type.Optional(Nullable(Name)),
  last_name: Type.Optional(Nullable(Name)),
  username: Type.Optional(Username),
  bio: Type.Optional(Nullable(Bio)),
  about: Type.Optional(Nullable(About)),
  level: Type.Optional(Nullable(Level)),
  timezone: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 64, description: 'IANA name' }))),
  interests_txt: Type.Optional(Nullable(Type.String({ maxLength: 1024 }))),
  settings: Type.Optional(Nullable(Settings)),
  avatar_id: Type.Optional(Nullable(Id)),
});
export type ProfileChanges = Static<typeof ProfileChanges>;

import Type, { type Static } from 'typebox';
import { Nullable, Strict, Username } from '../common.ts';
import { Bio, Name } from '../user/profile.ts';
import { UserSearchQuery } from './accounts.ts';

/** Bodies and queries of the profile, contact and block routes. */

/** `PUT /api/v1/users/profile`: absent = null, but for the username, which stays. */
export const ProfileReplacement = Strict({
  first_name: Type.Optional(Nullable(Name)),
  last_name: Type.Optional(Nullable(Name)),
  bio: Type.Optional(Nullable(Bio)),
  username: Type.Optional(Username),
});
export type ProfileReplacement = Static<typeof ProfileReplacement>;

const { search, limit, cursor } = UserSearchQuery.properties;

/** `GET /search?username=` */
export const NameSearchQuery = Type.Object({ username: search, limit, cursor });

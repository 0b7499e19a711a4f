import { profileTag } from '../../../schemas/etag.ts';
import { IdOrUsername, ProfileList, pageOf, UserSearchQuery } from '../../../schemas/rest/accounts.ts';
import { NameSearchQuery, ProfileReplacement } from '../../../schemas/rest/people.ts';
import { OwnProfile, Profile, ProfileChanges } from '../../../schemas/user/profile.ts';
import { calling } from '../calling.ts';
import { isKnown, tagsToMatch } from '../conditions.ts';
import { metaOf } from '../meta.ts';
import type { Answer, Route, RouteParts, RouteRequest } from '../route.ts';

/** Users as they see themselves and each other: every row is a call to the users service. */

const tagged = (profile: OwnProfile) => ({ ETag: `"${profileTag(profile)}"` });

async function own(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  const profile = await call<OwnProfile>('users.me', {}, metaOf(request));
  const headers = tagged(profile);
  if (isKnown(request.headers?.['if-none-match'] ?? '', headers.ETag)) return { status: 304, headers };
  return { status: 200, body: profile, headers };
}

/** The handler that makes the changes that `changesOf` reads in a body. */
function changing(changesOf: (body: object) => ProfileChanges): Route['handle'] {
  return async (request, { call }) => {
    const if_match = tagsToMatch(request.headers?.['if-match']);
    const params = { changes: changesOf(request.body as object), ...(if_match && { if_match }) };
    const profile = await call<OwnProfile>('users.update', params, metaOf(request));
    return { status: 200, body: profile, headers: tagged(profile) };
  };
}

const user = { auth: 'user', limit: 'calls' } as const;
const reading = {
  ...user,
  headers: ['if-none-match'],
  tagged: true,
  replies: { 200: OwnProfile, 304: undefined },
  handle: own,
} as const;
const writing = { ...user, headers: ['if-match'], tagged: true, replies: { 200: OwnProfile } } as const;
const nameRefusals = {
  conflict: ['username_taken'],
  rate_limited: ['too_many_usernames'],
} as const;
const searching = {
  ...user,
  description:
    'A page may hold fewer than asked for, or none, and still have a `next_cursor`. Who is blocked is hidden, either way.',
  replies: { 200: ProfileList },
  refusals: { invalid: ['bad_cursor'] },
} as const;

/** The handler of a search whose words stand in the query parameter `name`. */
const searchBy = (name: string) =>
  calling('users.search', 200, ({ query }) => ({ search: query[name] ?? '', ...pageOf(query) }));

export const profileRoutes: readonly Route[] = [
  { method: 'GET', path: '/me', summary: "The caller's own profile", ...reading },
  {
    method: 'PATCH',
    path: '/me',
    summary: "Change the caller's profile",
    ...writing,
    body: ProfileChanges,
    refusals: {
      ...nameRefusals,
      unprocessable: ['username_reserved', 'timezone_unknown', 'settings_too_large', 'avatar_not_found'],
    },
    handle: changing((body) => body),
  },
  { method: 'GET', path: '/api/v1/users/profile', summary: "The caller's own profile", ...reading },
  {
    method: 'PUT',
    path: '/api/v1/users/profile',
    summary:
      "Set the names and the bio of the caller's profile; what is absent is cleared, but for the username",
    ...writing,
    body: ProfileReplacement,
    refusals: { ...nameRefusals, unprocessable: ['username_reserved'] },
    handle: changing((body) => ({ first_name: null, last_name: null, bio: null, ...body })),
  },
  {
    method: 'GET',
    path: '/api/v1/users',
    summary: 'Search users by name, best first',
    ...searching,
    query: UserSearchQuery,
    handle: searchBy('search'),
  },
  {
    method: 'GET',
    path: '/api/v1/user',
    summary: 'Search users by name, best first: another path of `/api/v1/users`',
    ...searching,
    query: UserSearchQuery,
    handle: searchBy('search'),
  },
  {
    method: 'GET',
    path: '/search',
    summary: 'Search users by name, best first: another path of `/api/v1/users`',
    ...searching,
    query: NameSearchQuery,
    handle: searchBy('username'),
  },
  {
    method: 'GET',
    path: '/api/v1/users/{id}',
    summary: 'One user, by id or username',
    ...user,
    params: { id: IdOrUsername },
    replies: { 200: Profile },
    refusals: { not_found: ['no_user'] },
    handle: calling('users.get', 200, ({ params }) => ({ id: params.id })),
  },
];

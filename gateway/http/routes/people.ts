import { fail } from '../../../schemas/errors.ts';
import { isUuid } from '../../../schemas/ids.ts';
import { PageQuery, ProfileList, pageOf, UserSearchQuery } from '../../../schemas/rest/accounts.ts';
import { calling } from '../calling.ts';
import type { Route, RouteRequest } from '../route.ts';

/** What users are to each other: every row is a call to the users service. */

const user = { auth: 'user', limit: 'calls' } as const;

/** A parameter that is no id names nobody. */
function other(name: string) {
  return ({ params }: RouteRequest) => {
    const id = params[name]?.toLowerCase() ?? '';
    if (!isUuid(id)) throw fail('not_found', { reason: 'no_user' });
    return { id };
  };
}

const done = { ...user, replies: { 204: undefined } } as const;
const listed = { ...user, replies: { 200: ProfileList }, refusals: { invalid: ['bad_cursor'] } } as const;

export const peopleRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/contacts',
    summary: "The caller's contacts, the newest first, or those of whom a name begins so",
    ...listed,
    query: UserSearchQuery,
    handle: calling('users.contacts', 200, ({ query }) => ({ search: query.search ?? '', ...pageOf(query) })),
  },
  {
    method: 'PUT',
    path: '/api/v1/contacts/{user_id}',
    summary: 'Have somebody among the contacts',
    ...done,
    refusals: { not_found: ['no_user'], unprocessable: ['oneself', 'too_many_contacts'] },
    handle: calling('users.add_contact', 204, other('user_id')),
  },
  {
    method: 'DELETE',
    path: '/api/v1/contacts/{user_id}',
    summary: 'Have somebody among the contacts no more',
    ...done,
    refusals: { not_found: ['no_user'] },
    handle: calling('users.remove_contact', 204, other('user_id')),
  },
  {
    method: 'POST',
    path: '/users/{id}/block',
    summary: 'Block somebody: no private messages, no presence, not found in searches, not added to groups',
    ...done,
    refusals: { not_found: ['no_user'], unprocessable: ['oneself', 'too_many_blocks'] },
    handle: calling('users.block', 204, other('id')),
  },
  {
    method: 'DELETE',
    path: '/users/{id}/block',
    summary: 'Take a block back',
    ...done,
    refusals: { not_found: ['no_user'] },
    handle: calling('users.unblock', 204, other('id')),
  },
  {
    method: 'GET',
    path: '/me/blocks',
    summary: 'Whom the caller blocks, the newest first',
    ...listed,
    query: PageQuery,
    handle: calling('users.blocks', 200, ({ query }) => pageOf(query)),
  },
];

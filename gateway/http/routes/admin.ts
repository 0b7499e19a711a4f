import { pageOf } from '../../../schemas/rest/accounts.ts';
import {
  AuditList,
  AuditQuery,
  ManagedUser,
  ManagedUserList,
  ManagedUserQuery,
  RoleBody,
} from '../../../schemas/rest/admin.ts';
import { calling } from '../calling.ts';
import { auditedMetaOf } from '../meta.ts';
import type { Route, RouteRequest } from '../route.ts';

/** Administration. Each row names the right that it needs; the service behind it asks the policy for that right. */

const id = ({ params }: RouteRequest) => ({ id: params.id });
const notPermitted = { forbidden: ['not_permitted'] };
const onUser = { forbidden: ['not_permitted', 'role_not_lower'], not_found: ['no_user'] };
const banning = {
  method: 'POST',
  description: 'For moderators and admins, to users of a lower role.',
  auth: 'user',
  limit: 'calls',
  replies: { 200: ManagedUser },
  refusals: onUser,
} as const satisfies Partial<Route>;

export const adminRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/admin/users',
    summary: 'Users and their roles, newest first; `search` looks into their names',
    description: 'For moderators and admins. Banned users are listed too, deleted ones are not.',
    auth: 'user',
    permit: { object: 'users', act: 'list' },
    limit: 'calls',
    query: ManagedUserQuery,
    replies: { 200: ManagedUserList },
    refusals: { ...notPermitted, invalid: ['bad_cursor'] },
    handle: calling('admin.users', 200, ({ query }) => ({ search: query.search ?? '', ...pageOf(query) })),
  },
  {
    ...banning,
    path: '/admin/users/{id}/ban',
    summary: "Ban a user: the user's sockets and logins end at once",
    permit: { object: 'users', act: 'ban' },
    handle: calling('admin.ban', 200, id, auditedMetaOf),
  },
  {
    ...banning,
    path: '/admin/users/{id}/unban',
    summary: 'Let a banned user log in again',
    permit: { object: 'users', act: 'unban' },
    handle: calling('admin.unban', 200, id, auditedMetaOf),
  },
  {
    method: 'PUT',
    path: '/admin/users/{id}/role',
    summary: 'Give a user another role',
    description:
      'For admins, to users of a lower role. An admin may step down, as long as another one stays.',
    auth: 'user',
    permit: { object: 'users', act: 'set_role' },
    limit: 'calls',
    body: RoleBody,
    replies: { 200: ManagedUser },
    refusals: { ...onUser, conflict: ['last_admin'] },
    handle: calling(
      'admin.set_role',
      200,
      (request) => ({ ...(request.body as RoleBody), ...id(request) }),
      auditedMetaOf,
    ),
  },
  {
    method: 'GET',
    path: '/admin/audit',
    summary: 'What happened to accounts, newest first',
    description: 'For admins. Nothing in it can be changed or removed.',
    auth: 'user',
    permit: { object: 'audit', act: 'list' },
    limit: 'calls',
    query: AuditQuery,
    replies: { 200: AuditList },
    refusals: { ...notPermitted, invalid: ['bad_cursor'] },
    handle: calling('audit.list', 200, ({ query }) => ({ ...query, ...pageOf(query) })),
  },
];

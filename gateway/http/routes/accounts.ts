import {
  DeleteAccountBody,
  DeleteAccountQuery,
  LoginBody,
  LoginList,
  PageQuery,
  PasswordBody,
  pageOf,
  RefreshBody,
  RegisterBody,
  Ticket,
  Tokens,
} from '../../../schemas/rest/accounts.ts';
import { body, bodyAndLanguage, calling } from '../calling.ts';
import { auditedMetaOf, refreshMetaOf } from '../meta.ts';
import type { Route, RouteRequest } from '../route.ts';

/** Logging in and out, devices, the account's end: every row is a call to the users service. */

const none = () => ({});
const id = ({ params }: RouteRequest) => ({ id: params.id });

/** Of the steps that other paths take, too. */
export const refusals = {
  register: {
    conflict: ['username_taken'],
    unprocessable: ['username_reserved', 'password_too_long'],
    rate_limited: ['too_many_logins'],
  },
  login: {
    unauthenticated: ['bad_credentials'],
    forbidden: ['banned'],
    rate_limited: ['too_many_logins'],
  },
  refresh: {
    unauthenticated: ['refresh_invalid', 'refresh_expired', 'refresh_reused'],
    forbidden: ['banned'],
  },
} as const;

const unconfirmed = ['password_required', 'password_wrong', 'login_too_old'];

/** Two paths to the same end. */
const deletion = {
  summary: "The end of the caller's account",
  description: `What is personal is erased; messages stay, as those of a deleted account. \`password\` is needed where the account has
one. Where it has none the login must be younger than 10 minutes.`,
  auth: 'user',
  limit: 'auth',
  body: DeleteAccountBody,
  replies: { 204: undefined },
  refusals: { forbidden: unconfirmed, conflict: ['last_admin'], rate_limited: ['too_many_logins'] },
} as const satisfies Partial<Route>;

export const accountRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/api/v1/auth/register',
    summary: 'Make an account',
    auth: 'open',
    limit: 'auth',
    body: RegisterBody,
    replies: { 201: Tokens },
    refusals: refusals.register,
    headers: ['accept-language'],
    handle: calling('users.register', 201, bodyAndLanguage),
  },
  {
    method: 'POST',
    path: '/api/v1/auth/login',
    summary: 'Log in by username or email',
    auth: 'open',
    limit: 'auth',
    body: LoginBody,
    replies: { 200: Tokens },
    refusals: refusals.login,
    handle: calling('users.login', 200, body),
  },
  {
    method: 'POST',
    path: '/api/v1/auth/refresh',
    summary: 'Change a refresh token for new tokens; each works once',
    auth: 'open',
    limit: 'auth',
    body: RefreshBody,
    replies: { 200: Tokens },
    refusals: refusals.refresh,
    handle: calling('users.refresh', 200, body, refreshMetaOf),
  },
  {
    method: 'POST',
    path: '/api/v1/auth/logout',
    summary: 'End this login',
    auth: 'user',
    limit: 'calls',
    replies: { 204: undefined },
    handle: calling('users.logout', 204, none, auditedMetaOf),
  },
  {
    method: 'POST',
    path: '/api/v1/auth/logout-all',
    summary: 'End every login of the caller',
    auth: 'user',
    limit: 'calls',
    replies: { 204: undefined },
    handle: calling('users.logout_all', 204, none, auditedMetaOf),
  },
  {
    method: 'GET',
    path: '/api/v1/auth/logins',
    summary: "The caller's devices, newest login first",
    auth: 'user',
    limit: 'calls',
    query: PageQuery,
    replies: { 200: LoginList },
    refusals: { invalid: ['bad_cursor'] },
    handle: calling('users.logins', 200, ({ query }) => pageOf(query)),
  },
  {
    method: 'DELETE',
    path: '/api/v1/auth/logins/{id}',
    summary: 'End one login of the caller',
    auth: 'user',
    limit: 'calls',
    replies: { 204: undefined },
    refusals: { not_found: ['no_login'] },
    handle: calling('users.revoke_login', 204, id, auditedMetaOf),
  },
  {
    method: 'POST',
    path: '/api/v1/auth/password',
    summary: 'Another password; every other login ends',
    description: `\`current_password\` is needed where the account has a password. Where it has none the login must be younger
than 10 minutes.`,
    auth: 'user',
    limit: 'auth',
    body: PasswordBody,
    replies: { 204: undefined },
    refusals: {
      forbidden: unconfirmed,
      conflict: ['changed'],
      unprocessable: ['password_too_long'],
      rate_limited: ['too_many_logins'],
    },
    handle: calling('users.password', 204, body, auditedMetaOf),
  },
  {
    method: 'POST',
    path: '/api/v1/ws-ticket',
    summary: 'A ticket for one WebSocket, good for 30 seconds',
    auth: 'user',
    limit: 'calls',
    replies: { 201: Ticket },
    handle: calling('users.ws_ticket', 201),
  },
  {
    method: 'POST',
    path: '/me/delete',
    ...deletion,
    handle: calling('users.delete', 204, body, auditedMetaOf),
  },
  {
    method: 'DELETE',
    path: '/me',
    ...deletion,
    query: DeleteAccountQuery,
    handle: calling(
      'users.delete',
      204,
      (request) => ({ ...request.query, ...body(request) }),
      auditedMetaOf,
    ),
  },
];

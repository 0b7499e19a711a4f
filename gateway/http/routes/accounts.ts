import {
  LoginBody,
  LoginList,
  PageQuery,
  pageOf,
  RefreshBody,
  RegisterBody,
  Ticket,
  Tokens,
} from '../../../schemas/rest/accounts.ts';
import { calling } from '../calling.ts';
import type { Route, RouteRequest } from '../route.ts';

/** Logging in and out, devices: every row is a call to the users service. */

const body = (request: RouteRequest) => request.body as object;
const id = ({ params }: RouteRequest) => ({ id: params.id });

export const accountRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/api/v1/auth/register',
    summary: 'Make an account',
    auth: 'open',
    limit: 'auth',
    body: RegisterBody,
    replies: { 201: Tokens },
    refusals: {
      conflict: ['username_taken'],
      unprocessable: ['username_reserved', 'password_too_long'],
      rate_limited: ['too_many_logins'],
    },
    handle: calling('users.register', 201, body),
  },
  {
    method: 'POST',
    path: '/api/v1/auth/login',
    summary: 'Log in by username or email',
    auth: 'open',
    limit: 'auth',
    body: LoginBody,
    replies: { 200: Tokens },
    refusals: {
      unauthenticated: ['bad_credentials'],
      forbidden: ['banned'],
      rate_limited: ['too_many_logins'],
    },
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
    refusals: {
      unauthenticated: ['refresh_invalid', 'refresh_expired', 'refresh_reused'],
      forbidden: ['banned'],
    },
    handle: calling('users.refresh', 200, body),
  },
  {
    method: 'POST',
    path: '/api/v1/auth/logout',
    summary: 'End this login',
    auth: 'user',
    limit: 'calls',
    replies: { 204: undefined },
    handle: calling('users.logout', 204),
  },
  {
    method: 'POST',
    path: '/api/v1/auth/logout-all',
    summary: 'End every login of the caller',
    auth: 'user',
    limit: 'calls',
    replies: { 204: undefined },
    handle: calling('users.logout_all', 204),
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
    handle: calling('users.revoke_login', 204, id),
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
];

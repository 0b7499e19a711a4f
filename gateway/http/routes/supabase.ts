import { fail, type Refusal } from '../../../schemas/errors.ts';
import type { LoginList, Tokens } from '../../../schemas/rest/accounts.ts';
import type { GoogleStart } from '../../../schemas/rest/google.ts';
import {
  SupabaseAuthorizeQuery,
  SupabaseLogoutQuery,
  SupabaseSession,
  SupabaseSignupBody,
  SupabaseTokenBody,
  SupabaseTokenQuery,
  SupabaseUser,
} from '../../../schemas/rest/supabase.ts';
import type { OwnProfile } from '../../../schemas/user/profile.ts';
import { bodyAndLanguage } from '../calling.ts';
import { metaOf, refreshMetaOf } from '../meta.ts';
import type { Answer, Route, RouteParts, RouteRequest } from '../route.ts';
import { refusals } from './accounts.ts';
import { toGoogle } from './google.ts';

/** The routes of Supabase's auth server that `supabase-js` needs to log in; the same accounts in other shapes. */

/** What that client tells its callers by, beside the fields of our problem document. */
const errorCodes: Record<string, string> = {
  bad_credentials: 'invalid_credentials',
  banned: 'user_banned',
  password_too_long: 'weak_password',
  refresh_invalid: 'refresh_token_not_found',
  refresh_expired: 'session_expired',
  refresh_reused: 'refresh_token_already_used',
  no_token: 'no_authorization',
  login_revoked: 'session_not_found',
  token_invalid: 'bad_jwt',
  token_expired: 'bad_jwt',
  invalid: 'validation_failed',
  rate_limited: 'over_request_rate_limit',
};

function told({ code, reason, detail }: Refusal): Record<string, string> {
  const error_code = errorCodes[reason ?? ''] ?? errorCodes[code] ?? reason ?? code;
  return { error_code, msg: detail ?? error_code };
}

function userOf(profile: OwnProfile): SupabaseUser {
  const { id, email, email_verified, username, display_name, created_at, updated_at } = profile;
  return {
    id,
    aud: 'authenticated',
    role: 'authenticated',
    email: email ?? '',
    // When it was is not kept: what matters is whether.
    email_confirmed_at: email_verified ? updated_at : null,
    phone: '',
    app_metadata: { provider: 'email', providers: ['email'] },
    user_metadata: { username, display_name },
    identities: [],
    created_at,
    updated_at,
  };
}

function sessionOf({ access_token, expires_in, refresh_token, user }: Tokens): SupabaseSession {
  const { exp } = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as {
    exp: number;
  };
  return {
    access_token,
    token_type: 'bearer',
    expires_in,
    expires_at: exp,
    refresh_token,
    user: userOf(user),
  };
}

async function signup(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  const { email, password, data, language } = bodyAndLanguage(request) as unknown as {
    email: string;
    password: string;
    language: string;
    data?: { username?: unknown };
  };
  const username = typeof data?.username === 'string' ? { username: data.username } : {};
  const params = { email, password, language, ...username };
  const action = 'username' in params ? 'users.register' : 'users.register_numbered';
  if ('username' in params && !/^[A-Za-z][A-Za-z0-9_]{2,29}$/.test(params.username ?? ''))
    throw fail('invalid', { errors: [{ path: '/data/username', message: 'is no username' }] });
  return { status: 200, body: sessionOf(await call<Tokens>(action, params, metaOf(request))) };
}

async function token(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  const { email, password, refresh_token } = request.body as Record<string, string | undefined>;
  const missing = (name: string) =>
    fail('invalid', { errors: [{ path: `/${name}`, message: 'is required' }] });
  if (request.query.grant_type === 'refresh_token') {
    if (refresh_token === undefined) throw missing('refresh_token');
    const tokens = await call<Tokens>('users.refresh', { refresh_token }, refreshMetaOf(request));
    return { status: 200, body: sessionOf(tokens) };
  }
  if (email === undefined) throw missing('email');
  if (password === undefined) throw missing('password');
  const tokens = await call<Tokens>('users.login', { login: email, password }, metaOf(request));
  return { status: 200, body: sessionOf(tokens) };
}

/** Logins of one user that are ended one by one. */
const othersMost = 100;

async function logout(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  const meta = metaOf(request);
  const { scope = 'global' } = request.query;
  if (scope === 'global') await call('users.logout_all', {}, meta);
  if (scope === 'local') await call('users.logout', {}, meta);
  if (scope === 'others') {
    const { items } = await call<LoginList>('users.logins', { limit: othersMost }, meta);
    for (const { id, current } of items) if (!current) await call('users.revoke_login', { id }, meta);
  }
  return { status: 204 };
}

async function user(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  return { status: 200, body: userOf(await call<OwnProfile>('users.me', {}, metaOf(request))) };
}

async function authorize(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  const params = { return_to: request.query.redirect_to, session: true };
  return toGoogle(await call<GoogleStart>('users.google_begin', params, metaOf(request)));
}

export const supabaseRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/auth/v1/signup',
    summary: 'Make an account, as supabase-js does; `data.username` names it',
    auth: 'open',
    limit: 'auth',
    headers: ['accept-language'],
    body: SupabaseSignupBody,
    replies: { 200: SupabaseSession },
    refusals: refusals.register,
    refusalFields: told,
    handle: signup,
  },
  {
    method: 'POST',
    path: '/auth/v1/token',
    summary: 'Log in by address and password, or refresh, as supabase-js does',
    auth: 'open',
    limit: 'auth',
    query: SupabaseTokenQuery,
    body: SupabaseTokenBody,
    replies: { 200: SupabaseSession },
    refusals: {
      ...refusals.login,
      unauthenticated: [...refusals.login.unauthenticated, ...refusals.refresh.unauthenticated],
    },
    refusalFields: told,
    handle: token,
  },
  {
    method: 'POST',
    path: '/auth/v1/logout',
    summary: 'End logins, as supabase-js does',
    auth: 'user',
    limit: 'calls',
    query: SupabaseLogoutQuery,
    replies: { 204: undefined },
    refusalFields: told,
    handle: logout,
  },
  {
    method: 'GET',
    path: '/auth/v1/user',
    summary: 'The caller, as supabase-js shows him',
    auth: 'user',
    limit: 'calls',
    replies: { 200: SupabaseUser },
    refusalFields: told,
    handle: user,
  },
  {
    method: 'GET',
    path: '/auth/v1/authorize',
    summary: 'Go to Google to log in, and come back with the session in the fragment',
    auth: 'open',
    limit: 'auth',
    query: SupabaseAuthorizeQuery,
    replies: { 302: undefined },
    refusals: { not_found: ['google_off'], invalid: ['return_to_unknown'] },
    refusalFields: told,
    handle: authorize,
  },
];

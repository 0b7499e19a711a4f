import { Tokens } from '../../../schemas/rest/accounts.ts';
import {
  GoogleCallbackQuery,
  type GoogleEnd,
  GoogleExchangeBody,
  GoogleLoginQuery,
  type GoogleStart,
} from '../../../schemas/rest/google.ts';
import { body, calling } from '../calling.ts';
import { metaOf } from '../meta.ts';
import type { Answer, Route, RouteParts, RouteRequest } from '../route.ts';

/** Google sign-in: there and back. */

const cookieName = 'suhbat_google';
const cookieS = 600;
/** No page that follows learns the URL, which holds codes. */
const secret = { 'Referrer-Policy': 'no-referrer' };

function cookie(value: string, ageS: number, secure: boolean): string {
  // Lax: it must come along when Google sends the browser back.
  const parts = [
    `${cookieName}=${value}`,
    'Path=/auth/google',
    `Max-Age=${ageS}`,
    'HttpOnly',
    'SameSite=Lax',
  ];
  return [...parts, ...(secure ? ['Secure'] : [])].join('; ');
}

function cookieOf(header: string): string {
  return new RegExp(`(?:^|;\\s*)${cookieName}=([A-Za-z0-9_-]{1,128})(?:;|$)`).exec(header)?.[1] ?? '';
}

async function begin(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  return toGoogle(await call<GoogleStart>('users.google_begin', request.query, metaOf(request)));
}

/** Sends the browser off. */
export function toGoogle({ url, browser }: GoogleStart): Answer {
  const redirect = new URL(url).searchParams.get('redirect_uri') ?? '';
  const headers = {
    ...secret,
    Location: url,
    'Set-Cookie': cookie(browser, cookieS, redirect.startsWith('https:')),
  };
  return { status: 302, headers };
}

async function end(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  const params = {
    query: new URLSearchParams(request.query).toString(),
    browser: cookieOf(request.headers?.cookie ?? ''),
  };
  const outcome = await call<GoogleEnd>('users.google_end', params, metaOf(request));
  const headers = { ...secret, 'Set-Cookie': cookie('', 0, false) };
  if ('tokens' in outcome) return { status: 200, body: outcome.tokens, headers };
  return { status: 302, headers: { ...headers, Location: outcome.location } };
}

export const googleRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/auth/google/login',
    summary: 'Go to Google to log in',
    auth: 'open',
    limit: 'auth',
    query: GoogleLoginQuery,
    replies: { 302: undefined },
    refusals: { not_found: ['google_off'], invalid: ['return_to_unknown'] },
    handle: begin,
  },
  {
    method: 'GET',
    path: '/auth/google/callback',
    summary: 'Come back from Google: tokens, or a code for them in the fragment of `return_to`',
    auth: 'open',
    limit: 'auth',
    query: GoogleCallbackQuery,
    headers: ['cookie'],
    replies: { 200: Tokens, 302: undefined },
    refusals: {
      not_found: ['google_off'],
      unauthenticated: ['google_state', 'google_refused'],
      forbidden: ['banned'],
    },
    handle: end,
  },
  {
    method: 'POST',
    path: '/auth/google/exchange',
    summary: 'Change the code of the fragment for tokens, once, within 60 seconds',
    auth: 'open',
    limit: 'auth',
    body: GoogleExchangeBody,
    replies: { 200: Tokens },
    refusals: { unauthenticated: ['google_code'], forbidden: ['banned'] },
    handle: calling('users.google_exchange', 200, body),
  },
];

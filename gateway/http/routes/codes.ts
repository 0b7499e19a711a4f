import { Tokens } from '../../../schemas/rest/accounts.ts';
import {
  ChangeEmailBody,
  CodeBody,
  CodeSent,
  codeLifeS,
  EmailBody,
  EmailCodeBody,
  PendingRegisterBody,
  ResetBody,
  UsernameLoginBody,
} from '../../../schemas/rest/codes.ts';
import { OwnProfile } from '../../../schemas/user/profile.ts';
import { body, bodyAndLanguage, calling } from '../calling.ts';
import { auditedMetaOf } from '../meta.ts';
import type { Route } from '../route.ts';
import { refusals } from './accounts.ts';

/** What needs a code from a mail: verifying addresses, lost passwords, coming in by mail alone. */

function sending(action: string): Route['handle'] {
  return async (request, { call }) => {
    await call(action, bodyAndLanguage(request), auditedMetaOf(request));
    return { status: 202, body: { expires_in: codeLifeS } satisfies CodeSent };
  };
}

const mailing = {
  method: 'POST',
  limit: 'auth',
  headers: ['accept-language'],
  replies: { 202: CodeSent },
} as const;
const tooMany = { rate_limited: ['too_many_codes'] } as const;
const wrongCode = ['code_wrong', 'code_expired'] as const;

export const codeRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/api/v1/auth/email/verify',
    summary: 'Show by its code that the claimed address is the caller’s',
    auth: 'user',
    limit: 'auth',
    body: CodeBody,
    replies: { 200: OwnProfile },
    refusals: { unprocessable: wrongCode, conflict: ['email_taken'] },
    handle: calling('users.verify_email', 200, body, auditedMetaOf),
  },
  {
    ...mailing,
    path: '/api/v1/auth/email',
    summary: 'Claim another address; a code is mailed to it',
    auth: 'user',
    body: ChangeEmailBody,
    refusals: { ...tooMany, forbidden: ['password_required', 'password_wrong', 'login_too_old'] },
    handle: sending('users.change_email'),
  },
  {
    ...mailing,
    path: '/api/v1/auth/password/forgot',
    summary: 'Have a code mailed that allows a new password; answered alike for every address',
    auth: 'open',
    body: EmailBody,
    refusals: tooMany,
    handle: sending('users.forgot_password'),
  },
  {
    method: 'POST',
    path: '/api/v1/auth/password/reset',
    summary: 'Set a new password with the mailed code; every login ends',
    auth: 'open',
    limit: 'auth',
    body: ResetBody,
    replies: { 204: undefined },
    refusals: { unprocessable: [...wrongCode, 'password_too_long'], rate_limited: ['too_many_logins'] },
    handle: calling('users.reset_password', 204, body),
  },
  {
    ...mailing,
    path: '/api/v1/register',
    summary: 'Begin a registration; it waits 10 minutes for the mailed code',
    auth: 'open',
    body: PendingRegisterBody,
    refusals: {
      ...refusals.register,
      rate_limited: ['too_many_codes', ...refusals.register.rate_limited],
    },
    handle: sending('users.begin_register'),
  },
  {
    method: 'POST',
    path: '/api/v1/verify-register',
    summary: 'Make the account that waits for this code',
    auth: 'open',
    limit: 'auth',
    body: EmailCodeBody,
    replies: { 201: Tokens },
    refusals: { unprocessable: wrongCode, conflict: ['username_taken', 'email_taken'] },
    handle: calling('users.end_register', 201, body),
  },
  {
    method: 'POST',
    path: '/api/v1/login',
    summary: 'Log in by username',
    auth: 'open',
    limit: 'auth',
    body: UsernameLoginBody,
    replies: { 200: Tokens },
    refusals: refusals.login,
    handle: calling('users.login', 200, body),
  },
  {
    ...mailing,
    path: '/auth/email/request',
    summary: 'Have a login code mailed; answered alike for every address',
    auth: 'open',
    body: EmailBody,
    refusals: tooMany,
    handle: sending('users.request_code'),
  },
  {
    method: 'POST',
    path: '/auth/email/verify',
    summary: 'Log in with a mailed code; who is new becomes a user',
    auth: 'open',
    limit: 'auth',
    body: EmailCodeBody,
    replies: { 200: Tokens },
    refusals: { unprocessable: wrongCode, forbidden: ['banned'] },
    handle: calling('users.login_by_code', 200, body),
  },
];

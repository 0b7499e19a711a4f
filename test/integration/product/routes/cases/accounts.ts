import { expect } from 'chai';
import type { Tokens } from '../../../../../schemas/rest/accounts.ts';
import { codeFor } from '../../support/mails.ts';
import { rest } from '../../support/rest.ts';
import { freshAddress, freshName, freshPassword, keepSecret, say } from '../../support/secrets.ts';
import { newUser, type User } from '../../support/users.ts';
import { at, type Cases, open, own } from './case.ts';

const newcomer = () => ({
  email: freshAddress(),
  username: freshName(),
  name: say('Name'),
  password: freshPassword(),
});

async function verifiedUser(): Promise<User> {
  const user = await newUser();
  await user.rest('POST', '/api/v1/auth/email/verify', { code: await codeFor(user.email) });
  return user;
}

export const accounts: Cases = {
  'POST /api/v1/auth/register': {
    ...open,
    status: 201,
    good: at('/api/v1/auth/register', () => ({
      email: freshAddress(),
      username: freshName(),
      password: freshPassword(),
      first_name: say('First'),
      last_name: null,
    })),
    answers: keepTokens,
  },
  'POST /api/v1/auth/login': {
    ...open,
    good: ({ owner }) => ({
      path: '/api/v1/auth/login',
      body: { username: owner.username, password: owner.password },
    }),
    answers: keepTokens,
  },
  'POST /api/v1/auth/refresh': {
    ...open,
    good: async ({ owner }) => {
      const { tokens } = await owner.again();
      return { path: '/api/v1/auth/refresh', body: { refresh_token: tokens.refresh_token } };
    },
    answers: keepTokens,
  },
  'POST /api/v1/auth/logout': { ...own, status: 204, good: at('/api/v1/auth/logout'), ends: true },
  'POST /api/v1/auth/logout-all': { ...own, status: 204, good: at('/api/v1/auth/logout-all'), ends: true },
  'GET /api/v1/auth/logins': {
    ...own,
    good: at('/api/v1/auth/logins?limit=5'),
    answers(
      { items, next_cursor }: { items: { id: string; current: boolean }[]; next_cursor: null },
      { owner },
    ) {
      expect(next_cursor).to.equal(null);
      expect(items.filter(({ current }) => current).map(({ id }) => id)).to.deep.equal([owner.login_id]);
    },
  },
  'DELETE /api/v1/auth/logins/{id}': {
    ...own,
    status: 204,
    good: async ({ owner }) => ({ path: `/api/v1/auth/logins/${(await owner.again()).login_id}` }),
  },
  'POST /api/v1/auth/password': {
    ...own,
    status: 204,
    good: ({ owner }) => ({
      path: '/api/v1/auth/password',
      body: { current_password: owner.password, new_password: freshPassword() },
    }),
  },
  'POST /me/delete': {
    ...own,
    status: 204,
    ends: true,
    good: ({ owner }) => ({ path: '/me/delete', body: { password: owner.password } }),
  },
  'DELETE /me': {
    ...own,
    status: 204,
    ends: true,
    good: ({ owner }) => ({ path: '/me', body: { password: owner.password } }),
  },
  'POST /api/v1/auth/email/verify': {
    ...own,
    good: async ({ owner }) => ({
      path: '/api/v1/auth/email/verify',
      body: { code: await codeFor(owner.email) },
    }),
    answers: (body: object, { owner }) =>
      expect(body).to.include({ id: owner.id, email: owner.email, email_verified: true }),
  },
  'POST /api/v1/auth/email': {
    ...own,
    status: 202,
    good: ({ owner }) => ({
      path: '/api/v1/auth/email',
      body: { email: freshAddress(), current_password: owner.password },
    }),
  },
  'POST /api/v1/auth/password/forgot': {
    ...open,
    status: 202,
    good: ({ owner }) => ({ path: '/api/v1/auth/password/forgot', body: { email: owner.email } }),
  },
  'POST /api/v1/auth/password/reset': {
    ...open,
    status: 204,
    good: async () => {
      const { email } = await verifiedUser();
      await rest('POST', '/api/v1/auth/password/forgot', { body: { email } });
      const code = await codeFor(email, 2);
      return { path: '/api/v1/auth/password/reset', body: { email, code, new_password: freshPassword() } };
    },
  },
  'POST /api/v1/register': {
    ...open,
    status: 202,
    good: at('/api/v1/register', newcomer),
  },
  'POST /api/v1/verify-register': {
    ...open,
    status: 201,
    good: async () => {
      const body = newcomer();
      await rest('POST', '/api/v1/register', { body });
      return {
        path: '/api/v1/verify-register',
        body: { email: body.email, code: await codeFor(body.email) },
      };
    },
    answers: keepTokens,
  },
  'POST /api/v1/login': {
    ...open,
    good: ({ owner }) => ({
      path: '/api/v1/login',
      body: { username: owner.username, password: owner.password },
    }),
    answers: keepTokens,
  },
  'POST /auth/email/request': {
    ...open,
    status: 202,
    good: at('/auth/email/request', () => ({ email: freshAddress() })),
  },
  'POST /auth/email/verify': {
    ...open,
    good: async () => {
      const email = freshAddress();
      await rest('POST', '/auth/email/request', { body: { email } });
      return { path: '/auth/email/verify', body: { email, code: await codeFor(email) } };
    },
    answers: keepTokens,
  },
  // Not set up here; set up, with a real provider, they are tested in accounts/google.test.ts.
  'GET /auth/google/login': { ...open, status: 404, good: at('/auth/google/login') },
  'GET /auth/google/callback': { ...open, status: 404, good: at('/auth/google/callback?code=x&state=y') },
  'POST /auth/google/exchange': {
    ...open,
    status: 401,
    good: at('/auth/google/exchange', () => ({ code: say('code') })),
  },
  'POST /auth/v1/signup': {
    ...open,
    good: at('/auth/v1/signup', () => ({
      email: freshAddress(),
      password: freshPassword(),
      data: { username: freshName() },
    })),
    answers: keepSession,
  },
  'POST /auth/v1/token': {
    ...open,
    good: ({ owner }) => ({
      path: '/auth/v1/token?grant_type=password',
      body: { email: owner.email, password: owner.password },
    }),
    answers: keepSession,
  },
  'POST /auth/v1/logout': { ...own, status: 204, good: at('/auth/v1/logout?scope=others') },
  'GET /auth/v1/user': {
    ...own,
    good: at('/auth/v1/user'),
    answers: (body: object, { owner }) => expect(body).to.include({ id: owner.id, email: owner.email }),
  },
  'GET /auth/v1/authorize': {
    ...open,
    status: 404,
    good: at('/auth/v1/authorize?provider=google&redirect_to=https://app.example/'),
  },
  'POST /api/v1/ws-ticket': {
    ...own,
    status: 201,
    good: at('/api/v1/ws-ticket'),
    answers({ ticket, expires_in }: { ticket: string; expires_in: number }) {
      keepSecret(ticket);
      expect(expires_in).to.equal(30);
    },
  },
};

function keepSession({ access_token, refresh_token }: { access_token: string; refresh_token: string }): void {
  keepSecret(access_token);
  keepSecret(refresh_token);
}

function keepTokens({
  access_token,
  refresh_token,
  token_type,
  expires_in,
  refresh_expires_in,
}: Tokens): void {
  keepSecret(access_token);
  keepSecret(refresh_token);
  expect({ token_type, expires_in, refresh_expires_in }).to.deep.equal({
    token_type: 'Bearer',
    expires_in: 900,
    refresh_expires_in: 604_800,
  });
}

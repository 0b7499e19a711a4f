import type { Login, Tokens } from '../../../schemas/rest/accounts.ts';
import type { OwnProfile } from '../../../schemas/user/profile.ts';
import type { RouteExamples } from './example.ts';
import { namesRefused } from './people.ts';
import * as no from './refusals.ts';
import * as scene from './scene.ts';

/** The account routes at work. */

const { ali, vali, guli } = scene.people;
const { password } = scene;

export function tokensOf(user: OwnProfile): Tokens {
  return {
    access_token: scene.accessToken,
    token_type: 'Bearer',
    expires_in: 900,
    refresh_token: scene.refreshToken,
    refresh_expires_in: 604_800,
    user,
  };
}

const newcomer = { email: 'nodira@example.com', username: 'nodira', password } as const;
const own: Login = {
  id: scene.loginId,
  device: scene.device,
  ip: '203.0.113.7',
  created_at: scene.at(0),
  last_used_at: scene.at(0),
  current: true,
};

export const registered: OwnProfile = {
  ...scene.ownProfileOf('ali', { first_name: 'Nodira', last_name: null, display_name: 'Nodira' }),
  id: '0198a3ca-51c2-7e08-9d46-b7f2c01a9e41',
  number: 15,
  username: newcomer.username,
  email: newcomer.email,
};

const noPassword = no.wrongField('/password', 'is required');

const wrongPassword = no.because('forbidden', 'password_wrong', 'The password is wrong');
const needsPassword = no.because('forbidden', 'password_required', 'This needs your password');

export const accountExamples: Readonly<Record<string, RouteExamples>> = {
  'POST /api/v1/auth/password': {
    changed: {
      summary: 'Another password',
      body: { current_password: password, new_password: 'non va choy' },
      status: 204,
    },
    wrong: {
      summary: 'The old one is wrong',
      body: { current_password: 'choy va qand', new_password: 'non va choy' },
      status: 403,
      refusal: wrongPassword,
    },
  },
  'POST /me/delete': {
    deleted: { summary: 'The account is no more', body: { password }, status: 204 },
    no_password: { summary: 'Without a word', body: {}, status: 403, refusal: needsPassword },
  },
  'DELETE /me': {
    deleted: { summary: 'The account is no more', body: { password }, status: 204 },
    wrong: {
      summary: 'With a wrong password in the query',
      query: { password: 'choy va qand' },
      status: 403,
      refusal: wrongPassword,
    },
  },
  'POST /api/v1/auth/register': {
    registered: {
      summary: 'A new account',
      body: { ...newcomer, first_name: 'Nodira' },
      status: 201,
      reply: tokensOf(registered),
    },
    no_password: {
      summary: 'A field is missing',
      body: { email: newcomer.email, username: newcomer.username },
      status: 400,
      refusal: noPassword,
    },
    username_taken: {
      summary: 'A name that is taken, whatever its case',
      body: { ...newcomer, username: vali.username },
      status: 409,
      refusal: no.usernameTaken,
    },
    username_reserved: {
      summary: 'A name that nobody may have',
      body: { ...newcomer, username: 'admin' },
      status: 422,
      refusal: no.usernameReserved,
    },
    password_too_long: {
      summary: 'More than the 72 bytes that count',
      body: { ...newcomer, password: 'choy '.repeat(15) },
      status: 422,
      refusal: no.because('unprocessable', 'password_too_long', 'A password has at most 72 bytes in UTF-8'),
    },
  },
  'POST /api/v1/auth/login': {
    by_username: {
      summary: 'By username',
      body: { username: ali.username, password },
      status: 200,
      reply: tokensOf(scene.ownProfileOf('ali')),
    },
    by_either: {
      summary: 'By whatever was typed: a username or an address',
      body: { login: ali.email, password },
      status: 200,
      reply: tokensOf(scene.ownProfileOf('ali')),
    },
    no_password: {
      summary: 'A field is missing',
      body: { username: ali.username, login: ali.username },
      status: 400,
      refusal: noPassword,
    },
    bad_credentials: {
      summary: 'A wrong password, or nobody of that name: the answer is one and the same',
      body: { username: ali.username, password: 'unutdim' },
      status: 401,
      refusal: no.because('unauthenticated', 'bad_credentials', 'The name or the password is wrong'),
    },
  },
  'POST /api/v1/auth/refresh': {
    refreshed: {
      summary: 'New tokens for the newest refresh token',
      body: { refresh_token: scene.refreshToken },
      status: 200,
      reply: tokensOf(scene.ownProfileOf('ali')),
    },
    no_token: {
      summary: 'A field is missing',
      body: {},
      status: 400,
      refusal: no.wrongField('/refresh_token', 'is required'),
    },
    refresh_invalid: {
      summary: 'No refresh token of ours',
      body: { refresh_token: 'nonsense' },
      status: 401,
      refusal: no.because('unauthenticated', 'refresh_invalid', 'The refresh token is not valid'),
    },
  },
  'POST /api/v1/auth/logout': { ended: { summary: 'Logged out', status: 204 } },
  'POST /api/v1/auth/logout-all': { ended: { summary: 'Logged out everywhere', status: 204 } },
  'GET /api/v1/auth/logins': {
    one: { summary: 'One device', status: 200, reply: { items: [own], next_cursor: null } },
    bad_cursor: {
      summary: 'A cursor that this list did not give',
      query: { cursor: 'nonsense' },
      status: 400,
      refusal: no.badCursor,
    },
  },
  'DELETE /api/v1/auth/logins/{id}': {
    ended: { summary: 'Ended', params: { id: scene.loginId }, status: 204 },
    no_login: {
      summary: 'No login of the caller',
      params: { id: scene.nobodyId },
      status: 404,
      refusal: no.noLogin,
    },
  },
  'POST /api/v1/ws-ticket': {
    ticket: {
      summary: 'Good for one socket',
      status: 201,
      reply: { ticket: 'yZ3Gk0vQm8b1rX5tL2wN9d', expires_in: 30 },
    },
  },
  'GET /me': { own: { summary: 'Oneself', status: 200, reply: scene.ownProfileOf('ali') } },
  'PATCH /me': {
    changed: {
      summary: 'Some fields; the others stay',
      body: { bio: 'Choyxonachi', level: 'B1', timezone: 'Asia/Tashkent' },
      status: 200,
      reply: scene.ownProfileOf('ali', {
        bio: 'Choyxonachi',
        level: 'B1',
        timezone: 'Asia/Tashkent',
        updated_at: scene.at(60),
      }),
    },
    wrong_level: {
      summary: 'A level that there is not',
      body: { level: 'D1' },
      status: 400,
      refusal: {
        code: 'invalid',
        errors: [
          { path: '/level', message: 'must be equal to one of the allowed values' },
          { path: '/level', message: 'must be null' },
          { path: '/level', message: 'must match a schema in anyOf' },
        ],
      },
    },
    ...namesRefused,
    timezone_unknown: {
      summary: 'No place on earth',
      body: { timezone: 'Asia/Atlantis' },
      status: 422,
      refusal: no.because('unprocessable', 'timezone_unknown', 'There is no such IANA time zone'),
    },
  },
  'GET /api/v1/users': {
    found: {
      summary: 'By the beginning of a name, or something like it',
      query: { search: guli.username },
      status: 200,
      reply: { items: [scene.profileOf('guli')], next_cursor: null },
    },
    bad_cursor: {
      summary: 'A cursor that this list did not give',
      query: { cursor: 'nonsense' },
      status: 400,
      refusal: no.badCursor,
    },
  },
  'GET /api/v1/users/{id}': {
    by_id: { summary: 'By id', params: { id: vali.id }, status: 200, reply: scene.profileOf('vali') },
    by_username: {
      summary: 'By username',
      params: { id: vali.username },
      status: 200,
      reply: scene.profileOf('vali'),
    },
    no_user: { summary: 'Nobody', params: { id: scene.nobodyId }, status: 404, refusal: no.noUser },
  },
};

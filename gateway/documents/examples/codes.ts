import type { OwnProfile } from '../../../schemas/user/profile.ts';
import { registered, tokensOf } from './accounts.ts';
import type { RouteExamples } from './example.ts';
import * as no from './refusals.ts';
import * as scene from './scene.ts';

/** The routes of codes by mail at work. */

const { ali } = scene.people;
const newcomer = 'nodira@example.com';
const code = scene.mailedCode;

const verified = { email_verified: true } as const;
const byName: OwnProfile = { ...registered, ...verified };

const expired = no.because(
  'unprocessable',
  'code_expired',
  'There is no code that could be right: it was used, tried too often, or is too old',
);
const noCode = (body: object) => ({
  summary: 'No code was mailed for this, or it was used, tried too often, or is too old',
  body,
  status: 422,
  refusal: expired,
});
const noField = (name: string, body: object) => ({
  summary: 'A field is missing',
  body,
  status: 400,
  refusal: no.wrongField(`/${name}`, 'is required'),
});
const onItsWay = (body: object) => ({
  summary: 'A mail is on its way',
  body,
  status: 202,
  reply: { expires_in: 600 },
});

export const codeExamples: Readonly<Record<string, RouteExamples>> = {
  'POST /api/v1/auth/email/verify': {
    verified: {
      summary: 'The address is the caller’s',
      body: { code },
      status: 200,
      reply: scene.ownProfileOf('ali', verified),
    },
    code_wrong: {
      summary: 'Not the code that was mailed',
      body: { code },
      status: 422,
      refusal: no.because('unprocessable', 'code_wrong', 'This is not the code that was mailed'),
    },
    no_code: noField('code', {}),
  },
  'POST /api/v1/auth/email': {
    mailed: onItsWay({ email: newcomer, current_password: scene.password }),
    password_required: {
      summary: 'The password is asked where there is one',
      body: { email: newcomer },
      status: 403,
      refusal: no.because('forbidden', 'password_required', 'This needs your password'),
    },
  },
  'POST /api/v1/auth/password/forgot': {
    mailed: onItsWay({ email: ali.email }),
    no_email: noField('email', {}),
  },
  'POST /api/v1/auth/password/reset': {
    reset: {
      summary: 'A new password; every login has ended',
      body: { email: ali.email, code, new_password: 'yangi parol' },
      status: 204,
    },
    code_expired: noCode({ email: newcomer, code, new_password: 'yangi parol' }),
    no_code: noField('code', { email: newcomer, new_password: 'yangi parol' }),
  },
  'POST /api/v1/register': {
    mailed: onItsWay({ email: newcomer, username: 'nodira', name: 'Nodira', password: scene.password }),
    username_taken: {
      summary: 'A name that is taken, whatever its case',
      body: { email: newcomer, username: ali.username, name: 'Nodira', password: scene.password },
      status: 409,
      refusal: no.usernameTaken,
    },
    username_reserved: {
      summary: 'A name that nobody may have',
      body: { email: newcomer, username: 'admin', name: 'Nodira', password: scene.password },
      status: 422,
      refusal: no.usernameReserved,
    },
  },
  'POST /api/v1/verify-register': {
    made: {
      summary: 'The code is right: now there is an account',
      body: { email: newcomer, code },
      status: 201,
      reply: tokensOf(byName),
    },
    code_expired: noCode({ email: newcomer, code }),
    no_code: noField('code', { email: newcomer }),
  },
  'POST /api/v1/login': {
    entered: {
      summary: 'By username',
      body: { username: ali.username, password: scene.password },
      status: 200,
      reply: tokensOf(scene.ownProfileOf('ali')),
    },
    bad_credentials: {
      summary: 'A wrong password, or nobody of that name: the answer is one and the same',
      body: { username: ali.username, password: 'unutdim' },
      status: 401,
      refusal: no.because('unauthenticated', 'bad_credentials', 'The name or the password is wrong'),
    },
    no_password: noField('password', { username: ali.username }),
  },
  'POST /auth/email/request': {
    mailed: onItsWay({ email: newcomer }),
    no_email: noField('email', {}),
  },
  'POST /auth/email/verify': {
    entered: {
      summary: 'Whoever has verified the address; somebody new would be called user16',
      body: { email: ali.email, code },
      status: 200,
      reply: tokensOf(scene.ownProfileOf('ali', verified)),
    },
    code_expired: noCode({ email: newcomer, code }),
    no_code: noField('code', { email: newcomer }),
  },
};

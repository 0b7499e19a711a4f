import type { SupabaseSession, SupabaseUser } from '../../../schemas/rest/supabase.ts';
import type { RouteExamples } from './example.ts';
import * as no from './refusals.ts';
import * as scene from './scene.ts';

/** What supabase-js asks and reads. */

const { ali } = scene.people;

function userOf(given: Pick<SupabaseUser, 'id' | 'email' | 'user_metadata'>): SupabaseUser {
  return {
    aud: 'authenticated',
    role: 'authenticated',
    email_confirmed_at: null,
    phone: '',
    app_metadata: { provider: 'email', providers: ['email'] },
    identities: [],
    created_at: scene.at(0),
    updated_at: scene.at(0),
    ...given,
  };
}

function sessionOf(user: SupabaseUser): SupabaseSession {
  return {
    access_token: scene.accessToken,
    token_type: 'bearer',
    expires_in: 900,
    expires_at: 1_774_079_100,
    refresh_token: scene.refreshToken,
    user,
  };
}

const own = userOf({
  id: ali.id,
  email: ali.email,
  user_metadata: { username: ali.username, display_name: 'Ali Karimov' },
});
const newcomer = userOf({
  id: '0198a3ca-51c2-7e08-9d46-b7f2c01a9e41',
  email: 'nodira@example.com',
  user_metadata: { username: 'nodira', display_name: 'nodira' },
});

export const supabaseExamples: Readonly<Record<string, RouteExamples>> = {
  'POST /auth/v1/signup': {
    made: {
      summary: 'A new account; without `data.username` it is called user16',
      body: { email: newcomer.email, password: scene.password, data: { username: 'nodira' } },
      status: 200,
      reply: sessionOf(newcomer),
    },
  },
  'POST /auth/v1/token': {
    by_password: {
      summary: 'By address and password',
      query: { grant_type: 'password' },
      body: { email: ali.email, password: scene.password },
      status: 200,
      reply: sessionOf(own),
    },
  },
  'POST /auth/v1/logout': {
    ended: { summary: 'This login has ended', query: { scope: 'local' }, status: 204 },
  },
  'GET /auth/v1/user': { own: { summary: 'Oneself', status: 200, reply: own } },
  'GET /auth/v1/authorize': {
    google_off: {
      summary: 'It is not set up here',
      query: { provider: 'google', redirect_to: 'https://app.example/in' },
      status: 404,
      refusal: no.because('not_found', 'google_off', 'Google sign-in is not set up here'),
    },
  },
};

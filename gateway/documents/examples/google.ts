import type { RouteExamples } from './example.ts';
import * as no from './refusals.ts';

/** Google sign-in where it is not set up: the good answers lead to another server, or come from there. */

const off = {
  summary: 'It is not set up here',
  status: 404,
  refusal: no.because('not_found', 'google_off', 'Google sign-in is not set up here'),
} as const;

export const googleExamples: Readonly<Record<string, RouteExamples>> = {
  'GET /auth/google/login': { google_off: off },
  'GET /auth/google/callback': { google_off: off },
  'POST /auth/google/exchange': {
    google_code: {
      summary: 'A code that was used, or is too old',
      body: { code: 'yZ3Gk0vQm8b1rX5tL2wN9d' },
      status: 401,
      refusal: no.because('unauthenticated', 'google_code', 'This code was used, or is too old'),
    },
    no_code: {
      summary: 'A field is missing',
      body: {},
      status: 400,
      refusal: no.wrongField('/code', 'is required'),
    },
  },
};

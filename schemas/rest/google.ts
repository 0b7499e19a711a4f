import Type, { type Static } from 'typebox';
import { Strict } from '../common.ts';
import type { Tokens } from './accounts.ts';

/** Queries and bodies of Google sign-in. */

export const GoogleLoginQuery = Type.Object({
  return_to: Type.Optional(
    Type.String({ maxLength: 2048, description: 'one of the allowed ones, to the letter' }),
  ),
});

/** What Google sends back. */
export const GoogleCallbackQuery = Type.Object({
  code: Type.Optional(Type.String({ maxLength: 2048 })),
  state: Type.Optional(Type.String({ maxLength: 512 })),
  iss: Type.Optional(Type.String({ maxLength: 512 })),
  error: Type.Optional(Type.String({ maxLength: 512 })),
});

export const GoogleExchangeBody = Strict({ code: Type.String({ minLength: 1, maxLength: 128 }) });
export type GoogleExchangeBody = Static<typeof GoogleExchangeBody>;

/** Where the browser goes, and what it must show when it is back. */
export interface GoogleStart {
  url: string;
  browser: string;
}

export type GoogleEnd = { tokens: Tokens } | { location: string };

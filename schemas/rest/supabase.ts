import Type, { type Static } from 'typebox';
import { Id, Nullable, Time } from '../common.ts';
import { Email, GivenPassword, NewPassword } from './accounts.ts';

/** The shapes of Supabase's auth server that `supabase-js` reads and writes. Unknown fields of bodies are ignored. */

const Loose = { additionalProperties: true } as const;

export const SupabaseSignupBody = Type.Object(
  {
    email: Email,
    password: NewPassword,
    data: Type.Optional(Type.Object({ username: Type.Optional(Type.Unknown()) }, Loose)),
  },
  Loose,
);

/** By `grant_type` of the query the first two, or the last. */
export const SupabaseTokenBody = Type.Object(
  {
    email: Type.Optional(Type.String({ minLength: 1, maxLength: 254 })),
    password: Type.Optional(GivenPassword),
    refresh_token: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
  },
  Loose,
);

export const SupabaseTokenQuery = Type.Object({ grant_type: Type.Enum(['password', 'refresh_token']) });

export const SupabaseLogoutQuery = Type.Object({
  scope: Type.Optional(Type.Enum(['global', 'local', 'others'])),
});

export const SupabaseAuthorizeQuery = Type.Object({
  provider: Type.Enum(['google']),
  redirect_to: Type.String({ maxLength: 2048 }),
});

export const SupabaseUser = Type.Object({
  id: Id,
  aud: Type.Literal('authenticated'),
  role: Type.Literal('authenticated'),
  email: Type.String(),
  email_confirmed_at: Nullable(Time),
  phone: Type.Literal(''),
  app_metadata: Type.Object({ provider: Type.String(), providers: Type.Array(Type.String()) }),
  user_metadata: Type.Object({ username: Type.String(), display_name: Type.String() }),
  identities: Type.Array(Type.Unknown()),
  created_at: Time,
  updated_at: Time,
});
export type SupabaseUser = Static<typeof SupabaseUser>;

export const SupabaseSession = Type.Object({
  access_token: Type.String(),
  token_type: Type.Literal('bearer'),
  expires_in: Type.Integer({ description: 'seconds' }),
  expires_at: Type.Integer({ description: 'seconds since 1970' }),
  refresh_token: Type.String(),
  user: SupabaseUser,
});
export type SupabaseSession = Static<typeof SupabaseSession>;

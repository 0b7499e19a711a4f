import Type, { type Static } from 'typebox';
import { Cursor, Id, Nullable, Strict, Time, Username } from '../common.ts';
import { limits } from '../limits.ts';
import { Name, OwnProfile, Profile } from '../user/profile.ts';

/** Bodies, queries and answers of the account routes. */

export const Email = Type.String({ format: 'email', maxLength: 254 });
/** The 72 bytes that bcrypt reads are counted where it is hashed: JSON Schema counts characters. */
export const NewPassword = Type.String({ minLength: 8, maxLength: 1024 });
export const GivenPassword = Type.String({ minLength: 1, maxLength: 1024 });

export const RegisterBody = Strict({
  email: Email,
  username: Username,
  password: NewPassword,
  first_name: Type.Optional(Nullable(Name)),
  last_name: Type.Optional(Nullable(Name)),
});
export type RegisterBody = Static<typeof RegisterBody>;

/** No `current_password` where the account has none. */
export const PasswordBody = Strict({
  current_password: Type.Optional(GivenPassword),
  new_password: NewPassword,
});
export type PasswordBody = Static<typeof PasswordBody>;

/** No `password` where the account has none. */
export const DeleteAccountBody = Strict({ password: Type.Optional(GivenPassword) });
export type DeleteAccountBody = Static<typeof DeleteAccountBody>;

export const DeleteAccountQuery = Type.Object({ password: Type.Optional(GivenPassword) });

const LoginName = Type.String({ minLength: 1, maxLength: 254 });

/** Exactly one of `login` (either), `username` and `email`: with the password that makes two fields. */
export const LoginBody = Type.Object(
  {
    login: Type.Optional(LoginName),
    username: Type.Optional(LoginName),
    email: Type.Optional(LoginName),
    password: GivenPassword,
  },
  { additionalProperties: false, minProperties: 2, maxProperties: 2 },
);
export type LoginBody = Static<typeof LoginBody>;

export const RefreshBody = Strict({ refresh_token: Type.String({ minLength: 1, maxLength: 512 }) });
export type RefreshBody = Static<typeof RefreshBody>;

export const Tokens = Type.Object({
  access_token: Type.String(),
  token_type: Type.Literal('Bearer'),
  expires_in: Type.Integer({ description: 'seconds' }),
  refresh_token: Type.String(),
  refresh_expires_in: Type.Integer({ description: 'seconds' }),
  user: OwnProfile,
});
export type Tokens = Static<typeof Tokens>;

/** One device of the user. */
export const Login = Type.Object({
  id: Id,
  device: Nullable(Type.String()),
  ip: Nullable(Type.String()),
  created_at: Time,
  last_used_at: Time,
  current: Type.Boolean(),
});
export type Login = Static<typeof Login>;

export const LoginList = Type.Object({ items: Type.Array(Login), next_cursor: Nullable(Type.String()) });
export type LoginList = Static<typeof LoginList>;

export const Ticket = Type.Object({ ticket: Type.String(), expires_in: Type.Integer() });
export type Ticket = Static<typeof Ticket>;

/** In a path. Usernames are found whatever their case. */
export const IdOrUsername = Type.Union([Id, Username]);

export const ProfileList = Type.Object({ items: Type.Array(Profile), next_cursor: Nullable(Type.String()) });
export type ProfileList = Static<typeof ProfileList>;

/** `limit` and `cursor` of every list, as they stand in a query. */
const page = {
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]?|100)$', description: '1–100' })),
  cursor: Type.Optional(Cursor),
};

export const PageQuery = Type.Object(page);

export const UserSearchQuery = Type.Object({
  search: Type.Optional(Type.String({ maxLength: 100, pattern: '^[^\\u0000]*$' })),
  limit: page.limit,
  // It remembers what the text was taken for.
  cursor: Type.Optional(Type.String({ maxLength: 1024 })),
});

/** What the routes make of such a query. */
export interface Page {
  limit: number;
  cursor?: string;
}

export function pageOf(query: Record<string, string>): Page {
  const { limit, cursor } = query;
  return {
    limit: limit === undefined ? limits.listDefault : Number(limit),
    ...(cursor !== undefined && { cursor }),
  };
}

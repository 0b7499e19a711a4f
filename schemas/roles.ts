import Type, { type Static } from 'typebox';

/** What a user may be in the whole house; each may do what those before it may. */
export const roles = ['user', 'moderator', 'admin'] as const;

export const Role = Type.Enum([...roles]);
export type Role = Static<typeof Role>;

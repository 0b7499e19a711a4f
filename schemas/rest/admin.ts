import Type, { type Static } from 'typebox';
import { auditActions } from '../audit.ts';
import { Id, Nullable, Strict, Time } from '../common.ts';
import { Role } from '../roles.ts';
import { type Page, PageQuery, UserSearchQuery } from './accounts.ts';

/** Queries, bodies and answers of the administration. */

/** A user as moderators see one: without the mail address, which they have no use for. */
export const ManagedUser = Type.Object({
  id: Id,
  number: Type.Integer(),
  username: Type.String(),
  display_name: Type.String(),
  role: Role,
  banned_at: Nullable(Time),
  last_seen_at: Nullable(Time),
  created_at: Time,
});
export type ManagedUser = Static<typeof ManagedUser>;

export const ManagedUserQuery = UserSearchQuery;
export const ManagedUserList = Type.Object({
  items: Type.Array(ManagedUser),
  next_cursor: Nullable(Type.String()),
});
export type ManagedUserList = Static<typeof ManagedUserList>;

export const RoleBody = Strict({ role: Role });
export type RoleBody = Static<typeof RoleBody>;

export const AuditQuery = Type.Object({
  actor: Type.Optional({ ...Id, description: 'the account that acted; for `login_failed` the one tried' }),
  action: Type.Optional(Type.Enum(auditActions)),
  from: Type.Optional({ ...Time, description: 'ISO 8601: what was done then and after' }),
  to: Type.Optional({ ...Time, description: 'ISO 8601: what was done then and before' }),
  ...PageQuery.properties,
});

/** What the route makes of it. */
export type AuditSearch = Omit<Static<typeof AuditQuery>, 'limit' | 'cursor'> & Page;

export const AuditLog = Type.Object({
  id: Id,
  actor_id: Nullable(Id),
  action: Type.Enum(auditActions),
  target_type: Nullable(Type.Enum(['user', 'login'])),
  target_id: Nullable(Id),
  detail: Type.Object({}, { additionalProperties: true, description: 'ids, counts and words of ours' }),
  ip: Nullable(Type.String()),
  request_id: Nullable(Type.String()),
  created_at: Time,
});
export type AuditLog = Static<typeof AuditLog>;

export const AuditList = Type.Object({ items: Type.Array(AuditLog), next_cursor: Nullable(Type.String()) });
export type AuditList = Static<typeof AuditList>;

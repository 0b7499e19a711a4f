import Type, { type Static, type TSchema } from 'typebox';
import { Id, Strict } from './common.ts';
import { Role } from './roles.ts';

/**
 * The acts that the audit log keeps, each with what it says beside who, on whom, when and from where. Ids, counts and
 * words of ours only: no name, address, code or text of anybody may find its way in, so none has a field.
 */

const Way = Type.Enum(['password', 'code', 'google']);
const login = { login_id: Id };
const ended = { logins: Type.Integer({ minimum: 0, description: 'logins that it ended' }) };

export const auditDetails = {
  register: Strict({ ...login, way: Way }),
  login: Strict({ ...login, way: Way }),
  login_failed: Strict({ reason: Type.Enum(['bad_credentials', 'banned']) }),
  logout: Strict({}),
  logout_all: Strict(ended),
  revoke_login: Strict({}),
  refresh_reused: Strict({}),
  confirm_failed: Strict({}),
  password_change: Strict(ended),
  password_reset: Strict(ended),
  email_change: Strict({}),
  identity_link: Strict({ provider: Type.Enum(['google']) }),
  ban: Strict(ended),
  unban: Strict({}),
  role_change: Strict({ from: Role, to: Role }),
  account_delete: Strict(ended),
  admin_grant: Strict({ by: Type.Enum(['operator', 'setting']) }),
} as const satisfies Record<string, TSchema>;

export type AuditAction = keyof typeof auditDetails;
export type AuditDetail<A extends AuditAction> = Static<(typeof auditDetails)[A]>;
export const auditActions = Object.keys(auditDetails) as AuditAction[];

export type AuditTarget = { type: 'user' | 'login'; id: string };

/** What was done, and to what. */
export type AuditAct = {
  [A in AuditAction]: { action: A; detail: AuditDetail<A>; target?: AuditTarget };
}[AuditAction];

/** One act, as whoever does it tells it. */
export type AuditEntry = AuditAct & {
  /** The account that acts; for `login_failed` the one that somebody claims to be, where there is such a one. */
  actor_id: string | null;
  /** Milliseconds since 1970. */
  now: number;
  /** Of the request; an operator's program has none. */
  meta: { request_id?: string; ip?: string };
};

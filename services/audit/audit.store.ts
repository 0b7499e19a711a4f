import { sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { AuditLog, AuditSearch } from '../../schemas/rest/admin.ts';

/** Where a page ends: rows are never removed, so a place in their order stays one. */
export interface AuditPlace {
  created_at: string;
  id: string;
}

/** As ECMAScript reads it, which knows a year 0; PostgreSQL has none. */
const timestamp = (text: string) => sql.fragment`to_timestamp(${Date.parse(text)}::float8 / 1000)`;

/** What was done, the newest first. */
export async function findAudit(
  db: Transaction,
  { actor, action, from, to }: AuditSearch,
  before: AuditPlace | undefined,
  limit: number,
): Promise<readonly AuditLog[]> {
  const conditions = [
    sql.fragment`true`,
    ...(actor === undefined ? [] : [sql.fragment`actor_id = ${actor}`]),
    ...(action === undefined ? [] : [sql.fragment`action = ${action}`]),
    ...(from === undefined ? [] : [sql.fragment`created_at >= ${timestamp(from)}`]),
    ...(to === undefined ? [] : [sql.fragment`created_at <= ${timestamp(to)}`]),
    ...(before === undefined
      ? []
      : [sql.fragment`(created_at, id) < (${timestamp(before.created_at)}, ${before.id}::uuid)`]),
  ];
  return db.any(typed<AuditLog>()`
    select id, actor_id, action, target_type, target_id, detail, ip, request_id, created_at from audit_logs
    where ${sql.join(conditions, sql.fragment` and `)}
    order by created_at desc, id desc limit ${limit}`);
}

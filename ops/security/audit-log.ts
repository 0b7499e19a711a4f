import { sql } from 'slonik';
import type { AuditEntry } from '../../schemas/audit.ts';
import { newId } from '../../schemas/ids.ts';
import type { Transaction } from '../connections/postgres.ts';

/**
 * Writes one act into the audit log. Give it the transaction of the act itself: then neither is there without the
 * other. The table takes no update and no delete.
 */
export async function audit(tx: Transaction, entry: AuditEntry): Promise<void> {
  const { action, detail, actor_id, target, now, meta } = entry;
  await tx.query(sql.unsafe`
    insert into audit_logs (id, actor_id, action, target_type, target_id, detail, ip, request_id, created_at)
    values (${newId()}, ${actor_id}, ${action}, ${target?.type ?? null}, ${target?.id ?? null},
      ${JSON.stringify(detail)}::jsonb, ${meta.ip ?? null}, ${meta.request_id ?? null},
      ${new Date(now).toISOString()}::timestamptz)`);
}

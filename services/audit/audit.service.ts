import { defineService } from '../../ops/broker/broker.ts';
import { type Database, storing } from '../../ops/connections/postgres.ts';
import type { Access } from '../../ops/security/access.ts';
import { fail } from '../../schemas/errors.ts';
import { isUuid } from '../../schemas/ids.ts';
import type { AuditList, AuditSearch } from '../../schemas/rest/admin.ts';
import { type AuditPlace, findAudit } from './audit.store.ts';

/** The service `audit`: reading what ops/security/audit-log.ts has written. */
export function createAuditService({ db, access }: { db: Database; access: Access }) {
  return defineService('audit', {
    /** Newest first. Throws `invalid` (`bad_cursor`), `forbidden` (`not_permitted`). */
    list: access.guard('audit', 'list', async (search: AuditSearch): Promise<AuditList> => {
      const { limit, cursor } = search;
      for (const name of ['from', 'to'] as const) refuseNoTime(name, search[name]);
      const before = cursor === undefined ? undefined : decode(cursor);
      const rows = await storing(() => findAudit(db, search, before, limit + 1));
      const items = rows.slice(0, limit);
      const last = items.at(-1);
      return { items, next_cursor: rows.length > limit && last !== undefined ? encode(last) : null };
    }),
  });
}

/** The schema lets leap seconds through, which are no time to a computer. */
function refuseNoTime(name: string, text: string | undefined): void {
  if (text !== undefined && Number.isNaN(Date.parse(text)))
    throw fail('invalid', { errors: [{ path: `/${name}`, message: 'is no time' }] });
}

function encode({ created_at, id }: AuditPlace): string {
  return Buffer.from(`${created_at} ${id}`).toString('base64url');
}

const place = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([0-9a-f-]{36})$/;

function decode(cursor: string): AuditPlace {
  const [, created_at, id] = place.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (created_at === undefined || id === undefined || Number.isNaN(Date.parse(created_at)) || !isUuid(id))
    throw fail('invalid', { reason: 'bad_cursor', detail: 'This cursor was not given by this list' });
  return { created_at, id };
}

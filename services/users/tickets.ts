import { createHash, randomBytes } from 'node:crypto';
import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import { fail } from '../../schemas/errors.ts';
import type { Ticket } from '../../schemas/rest/accounts.ts';
import { isLive } from './logins.store.ts';
import { callerOf, type UsersParts } from './parts.ts';

/** Seconds in which a ticket must be used. */
const lifeS = 30;

/** The store keeps only the hash: who can read it cannot open a socket. */
function keyOf(ticket: string): string {
  return `ticket:${createHash('sha256').update(ticket).digest('base64url')}`;
}

/** Tickets open one socket for clients that cannot send a header: an access token never stands in a URL. */
export function ticketActions({ db, clock, ephemeral }: UsersParts) {
  return {
    async ws_ticket(_: object, meta: CallMeta): Promise<Ticket> {
      const ticket = randomBytes(32).toString('base64url');
      await ephemeral.set(keyOf(ticket), JSON.stringify(callerOf(meta)), lifeS * 1000);
      return { ticket, expires_in: lifeS };
    },

    /** Whom a ticket speaks for, once. Throws `unauthenticated` (`ticket_invalid`). */
    async take_ticket({ ticket }: { ticket: string }): Promise<{ user_id: string; login_id: string }> {
      const kept = await ephemeral.take(keyOf(ticket));
      if (kept === undefined) throw invalid();
      const caller = JSON.parse(kept) as { user_id: string; login_id: string };
      if (!(await storing(() => isLive(db, { ...caller, now: clock.now() })))) throw invalid();
      return caller;
    },
  };
}

function invalid() {
  return fail('unauthenticated', { reason: 'ticket_invalid', detail: 'The ticket is not valid any more' });
}

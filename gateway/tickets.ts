import type { Call, CallMeta } from '../ops/broker/call.ts';
import type { Caller } from '../ops/security/access-tokens.ts';

/** Who came with a ticket counts as authenticated for as long as an access token is good. */
const ticketGoodMs = 15 * 60_000;

/**
 * Takes a ticket, which is good once, and tells whose it is. `now`: milliseconds since 1970. Throws
 * `unauthenticated` where nobody has it.
 */
export async function callerOfTicket(
  call: Call,
  ticket: string,
  now: number,
  meta: CallMeta,
): Promise<Caller> {
  const found = await call<{ user_id: string; login_id: string }>('users.take_ticket', { ticket }, meta);
  return { ...found, expires_at: now + ticketGoodMs };
}

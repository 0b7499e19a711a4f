import { closeCodes } from '../../schemas/errors.ts';

/** What follows the end of a connection: nothing, a fresh token and then at once, or a wait. */
export type AfterClose = { next: 'stop' } | { next: 'renew' } | { next: 'wait'; ms: number };

const tooManyWaitMs = 10_000;
/** However long a server asks us to stay away, we look again after this. */
const longestByeMs = 5 * 60_000;

/**
 * The table "Closing codes" of the protocol. `byeMs` is the `reconnect_after_ms` of a `bye` that came
 * before; `backoff` gives the time to wait where the server said none. Any code that is not in the table
 * (1006 above all: a lost link, a slow client, a frame beyond all bounds) is waited out alike.
 */
export function afterClose(
  code: number,
  byeMs: number | undefined,
  backoff: () => number,
  random: () => number,
): AfterClose {
  if (code === closeCodes.unauthenticated.code) return { next: 'renew' };
  const row = Object.values(closeCodes).find((known) => known.code === code);
  if (row?.reconnect === false) return { next: 'stop' };
  if (code === closeCodes.too_many.code)
    return { next: 'wait', ms: tooManyWaitMs + Math.round(random() * 1_000) };
  if (byeMs !== undefined && byeMs >= 0) return { next: 'wait', ms: Math.min(byeMs, longestByeMs) };
  return { next: 'wait', ms: backoff() };
}

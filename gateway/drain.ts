import { type Clock, sleep } from '../ops/process/clock.ts';
import type { Sockets } from './websocket/sockets.ts';

export interface DrainParts {
  clock: Clock;
  sockets: Sockets;
  /** REST requests and frames that have no answer yet. */
  inFlight(): number;
}

/** Clients come back spread over a millisecond each, as fast as the other gateways take them in, within these bounds. */
const spreadMs = { least: 500, most: 5000 };
/** Sockets closed at a time, and the pause between: the other gateways have to take them in. */
const closedAtOnce = 500;
const pauseMs = 20;
/** Until sockets are closed: what was on its way when a client heard `bye` is refused, so that it knows it undone. */
const hearMs = 300;
/**
 * Until the connections themselves go: what a client still sends meanwhile is ignored. Closed at once, a
 * connection with something unread is reset, and the client may lose the `bye` and the code of its close.
 */
const lingerMs = 500;

/**
 * Says `bye` to everybody, waits until it was heard and what is in flight is answered, then closes the sockets in portions
 * and gives them time to hear of it. Ends within `withinMs` even where something stays unanswered.
 */
export async function drainSockets(
  { clock, sockets, inFlight }: DrainParts,
  withinMs: number,
): Promise<void> {
  const end = clock.monotonic() + withinMs;
  const count = sockets.count();
  sockets.sayBye('draining', Math.min(Math.max(count, spreadMs.least), spreadMs.most));
  if (count > 0) await sleep(clock, Math.min(hearMs, withinMs / 2));
  while (inFlight() > 0 && clock.monotonic() < end) await sleep(clock, pauseMs);
  while (sockets.closeSome(clock.monotonic() < end ? closedAtOnce : Number.POSITIVE_INFINITY) > 0)
    await sleep(clock, pauseMs);
  if (count > 0) await sleep(clock, Math.max(0, Math.min(lingerMs, end - clock.monotonic())));
}

import { type Clock, sleep } from '../ops/process/clock.ts';
import type { Sockets } from './websocket/sockets.ts';

export interface DrainParts {
  clock: Clock;
  sockets: Sockets;
  /** REST requests that have no answer yet. */
  requests(): number;
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
 * Says `bye` to everybody, waits until that was heard, closes the sockets in portions, each once what is in flight on it
 * is answered, and gives them time to hear of it; then waits for REST requests: an upload keeps nobody from coming back
 * elsewhere. Ends within `withinMs` even where something stays unanswered.
 */
export async function drainSockets(
  { clock, sockets, requests }: DrainParts,
  withinMs: number,
): Promise<void> {
  const end = clock.monotonic() + withinMs;
  const inTime = () => clock.monotonic() < end;
  const count = sockets.count();
  sockets.sayBye('draining', Math.min(Math.max(count, spreadMs.least), spreadMs.most));
  if (count > 0) {
    await sleep(clock, Math.min(hearMs, withinMs / 2));
    await everythingRead();
  }
  // A reply that takes long keeps nobody else from coming back.
  while (inTime() && (sockets.closeSome(closedAtOnce, true) > 0 || sockets.outstanding() > 0))
    await sleep(clock, pauseMs);
  while (sockets.closeSome(inTime() ? closedAtOnce : Number.POSITIVE_INFINITY) > 0)
    await sleep(clock, pauseMs);
  if (count > 0) await sleep(clock, Math.max(0, Math.min(lingerMs, end - clock.monotonic())));
  while (requests() > 0 && inTime()) await sleep(clock, pauseMs);
}

/** A process that had to stand still runs its timers first: what clients sent meanwhile is read in the turn after. */
async function everythingRead(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

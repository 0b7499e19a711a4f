import type { Fault } from './fault.ts';
import { faults } from './faults.ts';

/**
 * What `npm test` does: each once, but for those that only wait longer; `zombieFlusher` is run with the mistake that it
 * shows.
 */
export const shortPlan: readonly Fault[][] = [
  [faults.actorsKilled],
  [faults.actorsKilledMidway],
  [faults.gatewayKilled],
  [faults.servicesKilled],
  [faults.natsKilled],
  [faults.redisKilled],
  [faults.postgresKilled],
  [faults.actorsPaused10],
  [faults.actorsCutFromNats],
  [faults.actorsDumb],
  [faults.actorsDeaf],
  [faults.actorsCutFromPostgres],
  [faults.actorsSlow],
  [faults.natsPaused],
  [faults.postgresAway5],
  [faults.badBus],
  [faults.silence],
  [faults.reconnectStorm],
  [faults.viewsDisagree],
  [faults.clockOff, faults.slowReaders],
  [faults.journalFull],
  [faults.restored],
  [faults.scaled],
  [faults.rolled],
  [faults.streamLost],
  [faults.actorsKilled, faults.natsKilled],
];

/** The journal keeps enough for putting the database back by some seconds, and is trimmed meanwhile. */
export const shortSettings = { SUHBAT_JOURNAL_KEEP: '30000' };

/** One fault or a pair at a time until the time is over: all of them in some order, then all again in another. */
export function* longPlan(minutes: number, random: () => number): Generator<readonly Fault[]> {
  const until = performance.now() + minutes * 60_000;
  for (;;) {
    const all = shuffled(Object.values(faults), random);
    for (let one = all.pop(); one !== undefined; one = all.pop()) {
      if (performance.now() >= until) return;
      const other = all.at(-1);
      const pair = other !== undefined && random() < 0.4 && !disturbs(one, other);
      if (pair) all.pop();
      yield pair ? [one, other] : [one];
    }
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}

/**
 * Not beside another one: the first two have everybody rest, and count on what is told meanwhile; the next one waits
 * for two devices to be found too slow; the others hurt PostgreSQL or the journal in steps of their own, which another
 * fault of a server would undo.
 */
const alone: ReadonlySet<Fault> = new Set([
  faults.silence,
  faults.zombieFlusher,
  faults.slowReaders,
  faults.journalFull,
  faults.restored,
  faults.restored120,
  faults.streamLost,
]);

/** They start and end processes, and so stand beside what does not, and what keeps none from starting. */
const starting: ReadonlySet<Fault> = new Set([faults.rolled, faults.scaled]);
const besideStarting: ReadonlySet<Fault> = new Set([
  faults.natsKilled,
  faults.natsPaused,
  faults.redisKilled,
  faults.badBus,
  faults.reconnectStorm,
]);

function disturbs(one: Fault, other: Fault): boolean {
  const both = [one, other];
  if (both.some((fault) => alone.has(fault))) return true;
  return both.some((fault) => starting.has(fault)) && !both.some((fault) => besideStarting.has(fault));
}

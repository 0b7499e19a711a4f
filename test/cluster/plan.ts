import { type Fault, faults } from './faults.ts';

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

const alone: ReadonlySet<Fault> = new Set([
  faults.rolled,
  faults.scaled,
  faults.silence,
  faults.zombieFlusher,
  faults.slowReaders,
  faults.journalFull,
  faults.restored,
  faults.restored120,
  faults.streamLost,
]);

/** Both pick a node to hurt and to heal: together they would heal each other's. */
function disturbs(one: Fault, other: Fault): boolean {
  return [one, other].some((fault) => alone.has(fault));
}

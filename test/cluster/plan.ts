import { type Fault, faults } from './faults.ts';

/** What `npm test` does: each alone, but for those that take longest, which are drawn in the long plan. */
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
  [faults.scaled],
  [faults.actorsKilled, faults.natsKilled],
];

/** One fault, or a pair of different ones, drawn again and again until the time is over. */
export function* longPlan(minutes: number, random: () => number): Generator<readonly Fault[]> {
  const all = Object.values(faults);
  const draw = () => all[Math.floor(random() * all.length)] as Fault;
  for (const until = performance.now() + minutes * 60_000; performance.now() < until; ) {
    const one = draw();
    const other = draw();
    yield random() < 0.3 && one !== other && !disturbs(one, other) ? [one, other] : [one];
  }
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

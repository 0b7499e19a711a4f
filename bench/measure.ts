import { setTimeout as pause } from 'node:timers/promises';
import type { Driver, Measured } from './driver/driver.ts';
import type { Histogram } from './driver/histogram.ts';
import type { ClientSpec, Pattern, Sender } from './driver/jobs.ts';
import { familyCpuUs, threadsCpuUs } from './server/cpu.ts';
import type { ByRole, Person, Subject } from './server/subject.ts';

/** Whom the driver plays: people, and the chats to whose members they belong. */
export interface Cast {
  clients: ClientSpec[];
  senders: Sender[];
}

/** Chats of so many new people each; the first `writers` of each write. */
export async function castOf(
  subject: Subject,
  { chats, members, writers }: { chats: number; members: number; writers: number },
): Promise<Cast> {
  const people = await subject.people(chats * members);
  const groups = Array.from({ length: chats }, (_, at) => people.slice(at * members, (at + 1) * members));
  const ids = await subject.chats(groups);
  const client = (person: Person, chat: number): ClientSpec => ({
    user: person.id,
    rooms: [ids[chat] ?? ''],
    ...(person.token === undefined ? {} : { token: person.token }),
  });
  return {
    clients: groups.flatMap((group, chat) => group.map((person) => client(person, chat))),
    senders: groups.flatMap((_, chat) =>
      Array.from({ length: writers }, (_, writer) => ({
        client: chat * members + writer,
        room: ids[chat] ?? '',
      })),
    ),
  };
}

export interface LoadFigures extends Measured {
  /** Microseconds of CPU in that time: of the server, of its PostgreSQL, of the load driver. */
  serverUs: number;
  databaseUs: number;
  driverUs: number;
  /** The same by role, where the server is several processes: its own, and those beside it. */
  rolesUs: Record<string, number>;
}

/** Sends as the pattern says, and counts after the warm-up. Connected must be who sends. */
export async function underLoad(
  { driver, subject, senders }: { driver: Driver; subject: Subject; senders: readonly Sender[] },
  pattern: Pattern,
  { warmS, measureS }: { warmS: number; measureS: number },
  textBytes = 100,
): Promise<LoadFigures> {
  await driver.load(senders, pattern, { textBytes, acks: subject.acks });
  await pause(warmS * 1000);
  const cpu = () => ({
    server: threadsCpuUs(Object.values(subject.pids ?? { all: [subject.pid] }).flat()),
    roles: cpuByRole({ ...subject.pids, ...subject.beside }),
    database: subject.databasePid === undefined ? 0 : familyCpuUs(subject.databasePid),
    driver: threadsCpuUs(driver.pids()),
  });
  subject.profile?.();
  const before = cpu();
  const measured = await driver.measure(measureS);
  const after = cpu();
  subject.profile?.();
  await driver.halt();
  return {
    ...measured,
    serverUs: after.server - before.server,
    databaseUs: after.database - before.database,
    driverUs: after.driver - before.driver,
    rolesUs: Object.fromEntries(
      Object.entries(after.roles).map(([role, us]) => [role, us - (before.roles[role] ?? 0)]),
    ),
  };
}

function cpuByRole(pids: ByRole): Record<string, number> {
  return Object.fromEntries(Object.entries(pids).map(([role, ids]) => [role, threadsCpuUs(ids)]));
}

/** Of a server of several processes: what a message cost each role, and how many got it. Of one: nothing. */
export function clusterFigures({ rolesUs, acked, delivered }: LoadFigures): Record<string, number> {
  const roles = Object.entries(rolesUs);
  if (roles.length === 0) return {};
  return {
    ...Object.fromEntries(roles.map(([role, us]) => [`${role} µs/message`, round(us / acked)])),
    'deliveries/message': round(delivered / acked),
  };
}

/** Milliseconds, two digits behind the point. */
export function ms(histogram: Histogram, percentile: number): number {
  return round(histogram.getValueAtPercentile(percentile) / 1000, 2);
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

/** Answer times in the usual steps. */
export function latency(name: string, histogram: Histogram): Record<string, number> {
  return {
    [`${name} p50 ms`]: ms(histogram, 50),
    [`${name} p99 ms`]: ms(histogram, 99),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

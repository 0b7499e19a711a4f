import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { castOf, ms, round } from '../measure.ts';
import type { Row, Scenario } from '../scenario.ts';
import { residentBytes, threadsCpuUs } from '../server/cpu.ts';
import type { Subject } from '../server/subject.ts';

const idleMost = 19_000;
/** Descriptors of a server that are no sockets: PostgreSQL, journal, libraries. */
const spareDescriptors = 800;
const settleS = 12;
/** Connections before any counts: V8's young generation and what is compiled grow with the first ones only. */
const warm = 4000;

function descriptorLimit(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);
}

async function idleRow(bench: Bench, subject: Subject): Promise<Row> {
  const count = Math.min(idleMost, descriptorLimit() - spareDescriptors);
  return bench.driver(async (driver) => {
    const people = (await subject.people(count)).map(({ id, token }) => {
      return { user: id, rooms: [`own-${id}`, 'all'], ...(token === undefined ? {} : { token }) };
    });
    await driver.connect(subject, people.slice(0, warm), { atOnce: 400 });
    await pause(settleS * 1000);
    const before = residentBytes(subject.pid);
    const cpuBefore = threadsCpuUs([subject.pid]);
    const begin = performance.now();
    await driver.connect(subject, people.slice(warm), { atOnce: 400 });
    const connected = (performance.now() - begin) / 1000;
    const cpu = threadsCpuUs([subject.pid]) - cpuBefore;
    await pause(settleS * 1000);
    const idleCpu = threadsCpuUs([subject.pid]);
    await pause(5000);
    return {
      case: `${count} idle connections, beyond the first ${warm}`,
      subject: subject.name,
      figures: {
        'server KB/connection': round((residentBytes(subject.pid) - before) / 1024 / (count - warm), 2),
        'server MB before': round(before / 2 ** 20, 0),
        'connected in s': round(connected),
        'server µs/connect': round(cpu / (count - warm)),
        'server cores idle': round((threadsCpuUs([subject.pid]) - idleCpu) / 5e6, 3),
      },
    };
  });
}

export const idle: Scenario = {
  name: 'idle',
  about: 'What an open connection costs that does nothing: memory, and CPU for pings and presence.',
  short: false,
  charts: [{ title: 'Server memory per idle connection', figure: 'server KB/connection' }],
  async run(bench) {
    const rows: Row[] = [];
    for (const name of bench.subjects(['suhbat', 'floor: publish'] as const))
      rows.push(await bench.subject(name, (subject) => idleRow(bench, subject)));
    return {
      rows,
      verdicts: [
        {
          what: 'server memory per idle connection',
          value: rows[0]?.figures['server KB/connection'] ?? Number.NaN,
          unit: 'KB',
          bar: { max: 6 },
        },
      ],
    };
  },
};

const stormChats = 500;
const stormMembers = 10;

export const storm: Scenario = {
  name: 'storm',
  about: 'All clients of a gateway come back at once: connect, `ready`, `sync`.',
  short: false,
  charts: [],
  async run(bench) {
    const rows = await bench.suhbat((suhbat) =>
      bench.driver(async (driver) => {
        const { clients } = await castOf(suhbat, { chats: stormChats, members: stormMembers, writers: 1 });
        const found: Row[] = [];
        for (const round_ of ['first', 'second', 'third']) {
          // Others than before: a token that was seen is not verified again.
          const fresh = clients.map((client) => ({ ...client, token: suhbat.token(client.user) }));
          const before = threadsCpuUs([suhbat.pid]);
          const ready = await driver.connect(suhbat, fresh, { atOnce: clients.length, sync: true });
          const cpu = threadsCpuUs([suhbat.pid]) - before;
          await driver.disconnect();
          found.push({
            case: `${clients.length} clients at once, ${round_} time`,
            subject: 'suhbat',
            figures: {
              'synced p50 ms': ms(ready, 50),
              'synced p99 ms': ms(ready, 99),
              'last synced ms': ms(ready, 100),
              'server µs/client': round(cpu / clients.length),
            },
          });
          await pause(2000);
        }
        return found;
      }),
    );
    return {
      rows,
      verdicts: [
        {
          what: 'connect + ready + sync of 5,000 clients, the slowest time',
          value: Math.max(...rows.map(({ figures }) => figures['last synced ms'] ?? Number.NaN)) / 1000,
          unit: 's',
          bar: { max: 5 },
        },
        {
          what: 'p99 of them, the slowest time',
          value: Math.max(...rows.map(({ figures }) => figures['synced p99 ms'] ?? Number.NaN)) / 1000,
          unit: 's',
          bar: { max: 2 },
        },
      ],
    };
  },
};

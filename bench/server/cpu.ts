import { readdirSync, readFileSync } from 'node:fs';

/** Times and sizes of processes as Linux tells them. A process that is gone counts as nothing. */

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Microseconds of CPU that the threads of these processes have had, to the nanosecond: `/proc/<pid>/task/<tid>/schedstat`. */
export function threadsCpuUs(pids: readonly number[]): number {
  let ns = 0;
  for (const pid of pids) {
    for (const task of tasks(pid))
      ns += Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ', 1)[0] ?? 0);
  }
  return ns / 1000;
}

function tasks(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** `utime stime cutime cstime` stand behind the name, which may hold anything, and count in hundredths of a second. */
function tickTimes(pid: number): { parent: number; own: number; children: number } {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (at: number) => Number(fields[at] ?? 0);
  return { parent: field(1), own: field(11) + field(12), children: field(13) + field(14) };
}

/**
 * Microseconds of CPU of a server of many short-lived processes, such as PostgreSQL, in steps of 10 ms: the
 * postmaster, the children that have ended, and those that run.
 */
export function familyCpuUs(pid: number): number {
  const head = tickTimes(pid);
  let ticks = head.own + head.children;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const times = tickTimes(Number(name));
    if (times.parent === pid) ticks += times.own;
  }
  return ticks * 10_000;
}

/** Bytes of memory that a process holds. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

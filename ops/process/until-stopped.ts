import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const lookMs = 1;
const stopMs = 5000;

/**
 * The signal returns before the process has stopped: meanwhile it may still read and answer. Resolves when each of its
 * threads has, or it is gone; at once where there is no /proc to tell it. Rejects after five seconds.
 */
export async function untilStopped(pid: number): Promise<void> {
  const tasks = `/proc/${pid}/task`;
  for (const until = performance.now() + stopMs; !threadsOf(tasks).every(isStopped); await pause(lookMs))
    if (performance.now() > until) throw new Error(`${pid} does not stop`);
}

function threadsOf(tasks: string): string[] {
  try {
    return readdirSync(tasks).map((id) => `${tasks}/${id}/stat`);
  } catch {
    return [];
  }
}

function isStopped(stat: string): boolean {
  try {
    // "1 (a name) T …": stopped, traced, or at its end.
    return 'TtXZ'.includes(readFileSync(stat, 'utf8').split(') ').at(-1)?.[0] ?? '');
  } catch {
    return true;
  }
}

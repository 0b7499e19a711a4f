import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';

/**
 * Loaded into a server before it starts: SIGUSR2 begins a CPU profile of its main thread, the next SIGUSR2 writes it
 * into the folder BENCH_PROFILES. So a profile shows the load that was measured, and not the start before it.
 */
const session = new Session();
session.connect();
let [running, count] = [false, 0];
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: 200 });
process.on('SIGUSR2', async () => {
  running = !running;
  if (running) {
    await session.post('Profiler.start');
    return;
  }
  const { profile } = await session.post('Profiler.stop');
  const file = join(process.env.BENCH_PROFILES ?? '.', `${process.pid}-${++count}.cpuprofile`);
  writeFileSync(file, JSON.stringify(profile));
});

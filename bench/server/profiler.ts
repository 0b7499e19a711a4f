import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';

/**
 * Loaded into a server before it starts: SIGUSR2 begins a profile of its main thread, the next SIGUSR2 writes it into
 * the folder BENCH_PROFILES. So a profile shows the load that was measured, and not the start before it. BENCH_PROFILE
 * is `cpu`, or `heap` for what was allocated, garbage included; the file begins with BENCH_PROFILE_NAME.
 */
const folder = process.env.BENCH_PROFILES ?? '.';
const name = process.env.BENCH_PROFILE_NAME ?? 'suhbat';
const heap = process.env.BENCH_PROFILE === 'heap';
const session = new Session();
session.connect();
let [running, count] = [false, 0];
if (!heap) {
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
}

async function begin(): Promise<void> {
  if (!heap) await session.post('Profiler.start');
  else
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: 32 * 1024,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as object);
}

async function end(): Promise<void> {
  const { profile } = heap
    ? await session.post('HeapProfiler.stopSampling')
    : await session.post('Profiler.stop');
  const file = `${name}.${process.pid}-${++count}.${heap ? 'heapprofile' : 'cpuprofile'}`;
  writeFileSync(join(folder, file), JSON.stringify(profile));
}

process.on('SIGUSR2', () => {
  running = !running;
  void (running ? begin() : end());
});

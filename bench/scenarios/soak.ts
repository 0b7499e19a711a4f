import { setTimeout as pause } from 'node:timers/promises';
import { castOf, round } from '../measure.ts';
import type { Row, Scenario } from '../scenario.ts';
import { residentBytes } from '../server/cpu.ts';
import { town } from './latency.ts';

const rate = 1000;
const warmS = 60;
const measureS = 240;

/** Bytes a minute by which it grows: the slope of the straight line through the samples. */
function slope(samples: readonly number[], perMinute: number): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(samples.map((_, at) => at)), mean(samples)];
  const above = samples.reduce((sum, value, at) => sum + (at - x) * (value - y), 0);
  const below = samples.reduce((sum, _, at) => sum + (at - x) ** 2, 0);
  return (above / below) * perMinute;
}

export const soak: Scenario = {
  name: 'soak',
  about: `An hour in short: ${measureS / 60} minutes at ${rate} messages/s after a minute of warm-up, looked at every second.`,
  short: false,
  charts: [],
  async run(bench) {
    const [warm, seconds] = bench.short ? [warmS / 6, measureS / 12] : [warmS, measureS];
    const rows = await bench.suhbat((suhbat) =>
      bench.driver(async (driver) => {
        const cast = await castOf(suhbat, town);
        await driver.connect(suhbat, cast.clients);
        await driver.load(cast.senders, { rate, burst: 1 });
        await pause(warm * 1000);
        const samples: { rss: number; heap: number; lag: number; waiting: number; delay: number }[] = [];
        for (let second = 0; second < seconds; second++) {
          const metrics = await suhbat.metrics();
          samples.push({
            rss: residentBytes(suhbat.pid),
            heap: metrics.get('nodejs_heap_size_used_bytes') ?? Number.NaN,
            lag: metrics.get('suhbat_flush_lag_seconds') ?? Number.NaN,
            waiting: metrics.get('suhbat_flush_waiting_events') ?? Number.NaN,
            delay: metrics.get('nodejs_eventloop_lag_p99_seconds') ?? Number.NaN,
          });
          await pause(1000);
        }
        const done = await driver.measure(1);
        await driver.halt();
        const MB = 2 ** 20;
        const rss = samples.map((sample) => sample.rss);
        const figures = {
          'messages/s': Math.round(done.acked / done.seconds),
          'memory MB': round((rss.at(-1) ?? 0) / MB, 0),
          'memory growth MB/minute': round(slope(rss, 60) / MB, 2),
          'live heap MB, least': round(Math.min(...samples.map(({ heap }) => heap)) / MB, 0),
          'flush lag max s': round(Math.max(...samples.map(({ lag }) => lag)), 2),
          'unflushed max': Math.max(...samples.map(({ waiting }) => waiting)),
          'event loop p99 max ms': round(Math.max(...samples.map(({ delay }) => delay)) * 1000, 1),
        };
        return [{ case: `${rate} messages/s for ${seconds} s`, subject: 'suhbat', figures } satisfies Row];
      }),
    );
    const figures = rows[0]?.figures;
    return {
      rows,
      verdicts: [
        { what: 'flush lag', value: figures?.['flush lag max s'] ?? Number.NaN, unit: 's', bar: { max: 1 } },
      ],
    };
  },
};

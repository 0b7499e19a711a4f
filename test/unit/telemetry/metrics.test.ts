import { expect } from 'chai';
import { sampleActors } from '../../../ops/telemetry/actors.ts';
import { createMetrics } from '../../../ops/telemetry/metrics.ts';

describe('metrics', () => {
  it('belong to nobody else: two sets count apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.connections.inc();
    expect(await one.registry.metrics()).to.match(/^suhbat_connections 1$/m);
    expect(await other.registry.metrics()).to.match(/^suhbat_connections 0$/m);
  });

  it('are sampled afresh for each reader', async () => {
    const metrics = createMetrics();
    let open = 0;
    metrics.sample(() => metrics.connections.set(++open));
    expect(await metrics.registry.metrics()).to.match(/^suhbat_connections 1$/m);
    expect(await metrics.registry.metrics()).to.match(/^suhbat_connections 2$/m);
  });

  it('tell only the shard states that there are', async () => {
    const metrics = createMetrics();
    const counts = { actors: { chat: 3 }, unflushedEvents: 5, flushLag: 0.5, waiting: 0 };
    sampleActors(metrics, { ...counts, shards: { claiming: 64 } });
    sampleActors(metrics, { ...counts, shards: { serving: 64 } });
    const text = await metrics.registry.metrics();
    expect(text)
      .to.match(/^suhbat_shards\{state="serving"\} 64$/m)
      .and.not.include('state="claiming"');
    expect(text).to.match(/^suhbat_active_actors\{kind="chat"\} 3$/m);
    expect(text).to.match(/^suhbat_flush_lag_seconds 0.5$/m);
  });

  it('are named suhbat_… and say what they count', async () => {
    for (const metric of createMetrics().registry.getMetricsAsArray()) {
      expect(metric.name).to.match(/^suhbat_[a-z_]+$/);
      expect(metric.help).to.match(/^[A-Z]/);
    }
  });
});

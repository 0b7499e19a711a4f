import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
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
    const counts = {
      actors: { chat: 3, user: 4 },
      actorLimit: 100,
      unflushedEvents: 5,
      unflushedBytes: 50,
      unflushedLimit: 1000,
      flushLag: 0.5,
      waiting: 0,
    };
    sampleActors(metrics, { ...counts, shards: { claiming: 64 } });
    sampleActors(metrics, { ...counts, shards: { serving: 62, quarantined: 2 } });
    const text = await metrics.registry.metrics();
    expect(text)
      .to.match(/^suhbat_shards\{state="serving"\} 62$/m)
      .and.not.include('state="claiming"');
    expect(text).to.match(/^suhbat_active_actors\{kind="chat"\} 3$/m);
    expect(text).to.match(/^suhbat_flush_lag_seconds 0.5$/m);
    expect(text).to.match(/^suhbat_quarantined_shards 2$/m);
    expect(text).to.match(/^suhbat_queue_depth\{queue="actors"\} 7$/m);
    expect(text).to.match(/^suhbat_queue_limit\{queue="unflushed_bytes"\} 1000$/m);
  });

  it('are all filled by somebody: none is declared that no part names', async () => {
    const sources = await Promise.all(['ops', 'gateway'].map((folder) => sourcesOf(folder)));
    const text = sources.flat().join();
    const { registry, sample, ...declared } = createMetrics();
    expect(Object.keys(declared).filter((name) => !text.includes(`metrics.${name}`))).to.deep.equal([]);
  });

  it('are named suhbat_… and say what they count', async () => {
    for (const metric of createMetrics().registry.getMetricsAsArray()) {
      expect(metric.name).to.match(/^suhbat_[a-z_]+$/);
      expect(metric.help).to.match(/^[A-Z]/);
    }
  });
});

const root = join(import.meta.dirname, '../../..');

async function sourcesOf(folder: string): Promise<string[]> {
  const names = await readdir(join(root, folder), { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts') && !name.endsWith('telemetry/metrics.ts'));
  return Promise.all(files.map((name) => readFile(join(root, folder, name), 'utf8')));
}

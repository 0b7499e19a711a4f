import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from '../../ops/cluster/cluster.ts';
import type { Node } from '../../ops/cluster/node.ts';
import { type Sample, sampleOf } from '../../ops/cluster/sample.ts';
import { connectPostgres, type Database, typed } from '../../ops/connections/postgres.ts';

const sampleMs = 500;

/** The greatest values that the processes' metrics had since `reset`. */
export function watchNodes(cluster: Cluster) {
  let flushLag = 0;
  let refusedAppends = 0;
  let moves = 0;
  let over = false;
  const known = new Map<string, { pid: number; sample: Sample }>();

  async function look(node: Node): Promise<void> {
    const { name, pid } = node;
    const sample = await sampleOf(node);
    if (sample === undefined) return;
    // A process that was started again counts from 0.
    const before = known.get(name)?.pid === pid ? known.get(name)?.sample : undefined;
    flushLag = Math.max(flushLag, sample.flushLag);
    refusedAppends += sample.refusedAppends - (before?.refusedAppends ?? 0);
    moves += sample.claims - (before?.claims ?? 0);
    known.set(name, { pid, sample });
  }

  const watching = (async () => {
    while (!over) {
      await Promise.all(cluster.nodes.map(look));
      await pause(sampleMs);
    }
  })();
  return {
    reset() {
      flushLag = 0;
      refusedAppends = 0;
      moves = 0;
    },
    peaks: () => ({ flushLag, refusedAppends, moves }),
    async stop() {
      over = true;
      await watching;
    },
  };
}

const lookMs = 200;

/** Promise 8, of what PostgreSQL says: no shard's checkpoint ever goes back. `stop` gives a sentence for each time. */
export function watchCheckpoints(url: string, stage: { readonly rewinds: number }) {
  const breaches: string[] = [];
  const known = new Map<number, { epoch: number; position: number }>();
  let over = false;
  let rewinds = 0;

  async function look(db: Database): Promise<void> {
    const rows = await db.any(
      typed<{ shard: number; epoch: number; position: number }>()`
        select shard, epoch, position from shard_checkpoints`,
    );
    // Whatever was seen before and while they were allowed to go back says nothing: the number is odd meanwhile.
    if (stage.rewinds !== rewinds || rewinds % 2 === 1) {
      rewinds = stage.rewinds;
      known.clear();
      return;
    }
    for (const { shard, epoch, position } of rows) {
      const before = known.get(shard);
      if (before && (epoch < before.epoch || position < before.position))
        breaches.push(
          `promise 8: shard ${shard}: from epoch ${before.epoch}, ${before.position} back to ${epoch}, ${position}`,
        );
      known.set(shard, { epoch, position });
    }
  }

  const watching = (async () => {
    const db = await connectPostgres({
      url,
      applicationName: 'watch',
      maxConnections: 1,
      statementTimeoutMs: 5000,
      onError: () => {},
    });
    while (!over) {
      // PostgreSQL may be away: that is one of the faults.
      await look(db).catch(() => undefined);
      await pause(lookMs);
    }
    await db.end();
  })();
  return {
    async stop() {
      over = true;
      await watching;
      return breaches;
    },
  };
}

import { setTimeout as pause } from 'node:timers/promises';
import type { StreamAPI } from 'nats';
import type pg from 'pg';
import { sampleOf } from '../../ops/cluster/sample.ts';
import { connectNats } from '../../ops/connections/nats.ts';
import { withClient } from '../../ops/connections/postgres-client.ts';
import { eventually } from '../support/eventually.ts';
import type { Fault } from './fault.ts';
import type { Stage } from './stage.ts';

/** Faults of what keeps the data: no room for more, an older state of it, nothing of it. */

const stream = 'suhbat-journal';
/** Some seconds of load. */
const room = 400_000;
const shards = 64;
/** As long as everything may take to be well again after the faults. */
const noticedMs = 60_000;

export const storageFaults = {
  journalFull: {
    name: 'the journal is full, because PostgreSQL is away',
    seconds: 8,
    run: (stage) => withStream(stage, (streams) => fill(stage, streams)),
  },
  restored: { name: 'PostgreSQL is put back to its state of 6 s ago', seconds: 8, run: restored(6000) },
  restored120: {
    name: 'PostgreSQL is put back to its state of two minutes ago',
    seconds: 125,
    run: restored(120_000),
  },
  streamLost: {
    name: 'the journal is deleted, and an operator adopts what is left',
    seconds: 20,
    run: (stage) => withStream(stage, (streams) => loseStream(stage, streams)),
  },
} satisfies Record<string, Fault>;

async function fill(stage: Stage, streams: StreamAPI): Promise<void> {
  const { config, state } = await streams.info(stream);
  const links = stage.cluster.nodes.map((node) => stage.links(node).postgres);
  for (const link of links) link.cut();
  try {
    // The last tenth is for claims and releases.
    await streams.update(stream, { max_bytes: Math.ceil((state.bytes + room) / 0.9) });
    await eventually(async () => (await withoutRoom(stage)) || 'there is room still', noticedMs);
    await pause(1500);
    for (const link of links) link.heal();
    // What PostgreSQL has by then makes room.
    await eventually(async () => !(await withoutRoom(stage)) || 'there is no room', noticedMs);
  } finally {
    for (const link of links) link.heal();
    await streams.update(stream, { max_bytes: config.max_bytes });
  }
}

/** Does a node of actors say so? */
async function withoutRoom(stage: Stage): Promise<boolean> {
  for (const { opsUrl, state } of stage.nodes('actors')) {
    if (state !== 'ready') continue;
    const report = await fetch(`${opsUrl}/health`).then((answer) => answer.text());
    if (report.includes('has no room')) return true;
  }
  return false;
}

/** A copy of the database inside its server: what a backup of that moment would hold. */
const copy = 'suhbat_backup';

function restored(agoMs: number): Fault['run'] {
  return async (stage) => {
    const database = new URL(stage.cluster.postgres.url).pathname.slice(1);
    await aloneWith(stage, database, async (client) => {
      await client.query(`create database ${copy} template ${database} owner suhbat strategy file_copy`);
    });
    await pause(agoMs);
    const claims = 'suhbat_shards_claimed_total';
    const before = await stage.count(claims);
    await stage.rewinding(async () => {
      await aloneWith(stage, database, async (client) => {
        await client.query(`drop database ${database}`);
        await client.query(`alter database ${copy} rename to ${database}`);
      });
      // Owners notice, and claim what went back.
      await eventually(async () => {
        const claimed = (await stage.count(claims)) - before;
        const { serving } = await shardsOf(stage);
        return (claimed > 0 && serving === shards) || `${claimed} claims, ${serving} shards are served`;
      }, noticedMs);
    });
  };
}

/** As the only one who is connected to the database; everybody else finds PostgreSQL away meanwhile. */
async function aloneWith(
  { cluster, links }: Stage,
  database: string,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const all = cluster.nodes.map((node) => links(node).postgres);
  for (const link of all) link.cut();
  try {
    await withClient({ url: cluster.postgres.adminUrl, applicationName: 'operator' }, async (client) => {
      await client.query(`alter database ${database} allow_connections false`);
      await client.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [
        database,
      ]);
      await work(client);
      await client.query(`alter database ${database} allow_connections true`);
    });
  } finally {
    for (const link of all) link.heal();
  }
}

/** As the runbook of a lost journal says. */
async function loseStream(stage: Stage, streams: StreamAPI): Promise<void> {
  await streams.delete(stream);
  // Every shard that somebody writes to; the others have nothing to lose.
  let before = 0;
  await eventually(async () => {
    const { quarantined } = await shardsOf(stage);
    const same = quarantined === before;
    before = quarantined;
    await pause(1000);
    return (same && quarantined > 0) || `${quarantined} shards are in quarantine`;
  }, noticedMs);
  const status = await stage.journal('status');
  if (status.code !== 1 || !status.output.includes('there is no stream'))
    throw new Error(`journal status ended with ${status.code}: ${status.output}`);
  await stage.rewinding(async () => {
    // Where a live owner is not done with its last flush, a shard is to be adopted again.
    let said = '';
    await eventually(async () => {
      const { code, output } = await stage.journal('adopt', '--all', '--yes');
      said = output;
      return code === 0 || said;
    }, noticedMs);
    await eventually(async () => {
      const { quarantined, serving } = await shardsOf(stage);
      return (quarantined === 0 && serving === shards) || `${serving} shards are served; adopted: ${said}`;
    }, noticedMs);
  });
}

async function shardsOf(stage: Stage): Promise<{ quarantined: number; serving: number }> {
  const samples = await Promise.all(stage.nodes('actors').map(sampleOf));
  const sum = (value: 'quarantined' | 'shards') =>
    samples.reduce((total, sample) => total + (sample?.[value] ?? 0), 0);
  return { quarantined: sum('quarantined'), serving: sum('shards') };
}

/** With JetStream as an operator has it, past every link that we hurt. */
async function withStream(stage: Stage, work: (streams: StreamAPI) => Promise<void>): Promise<void> {
  const link = await connectNats({ url: stage.cluster.nats.url, name: 'operator' });
  try {
    await work((await link.connection.jetstreamManager()).streams);
  } finally {
    await link.close();
  }
}

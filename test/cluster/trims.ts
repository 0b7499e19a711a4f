import { setTimeout as pause } from 'node:timers/promises';
import { decodeHeader } from '../../actors/runtime/record.ts';
import type { Cluster } from '../../ops/cluster/cluster.ts';
import { connectNats, type NatsLink } from '../../ops/connections/nats.ts';
import { connectPostgres, type Database, typed } from '../../ops/connections/postgres.ts';

const stream = 'suhbat-journal';
const lookMs = 500;

/**
 * Promise 7, while it runs: PostgreSQL has whatever the journal no longer has. `stop` gives a sentence for each
 * shard of which that was not so, and one if it could never be looked at.
 */
export function watchTrims(stage: { readonly cluster: Cluster; readonly rewinds: number }) {
  const breaches = new Map<number, string>();
  let looks = 0;
  let over = false;

  async function look(link: NatsLink, db: Database): Promise<void> {
    const { rewinds } = stage;
    const checkpoints = () =>
      db.any(typed<{ shard: number; position: number }>()`select shard, position from shard_checkpoints`);
    const shards = (await checkpoints()).map(({ shard }) => shard);
    const begins = await beginsOf(link, shards);
    // Asked after the journal: a checkpoint only grows, unless it may go back.
    const rows = await checkpoints();
    if (stage.rewinds !== rewinds || rewinds % 2 === 1) return;
    looks++;
    for (const { shard, position } of rows) {
      const after = begins.get(shard) ?? 0;
      if (after > position)
        breaches.set(
          shard,
          `promise 7: shard ${shard}: trimmed up to ${after}, PostgreSQL has up to ${position}`,
        );
    }
  }

  const watching = (async () => {
    const { nats, postgres } = stage.cluster;
    const link = await connectNats({ url: nats.url, name: 'watch' });
    const db = await connectPostgres({
      url: postgres.url,
      applicationName: 'watch',
      maxConnections: 1,
      statementTimeoutMs: 5000,
      onError: () => {},
    });
    while (!over) {
      // Either may be away: these are faults.
      await look(link, db).catch(() => undefined);
      await pause(lookMs);
    }
    await db.end();
    await link.close();
  })();
  return {
    async stop() {
      over = true;
      await watching;
      return looks === 0 ? ['promise 7: nobody could look at the journal'] : [...breaches.values()];
    },
  };
}

/** Of each shard the position before its oldest record. */
async function beginsOf({ connection }: NatsLink, shards: readonly number[]): Promise<Map<number, number>> {
  const ask = async (action: string, body?: object) => {
    const answer = await connection.request(`$JS.API.${action}.${stream}`, body && JSON.stringify(body), {
      timeout: 2000,
    });
    return answer.json<{ config?: { subjects: string[] }; message?: { data: string } }>();
  };
  const [pattern = ''] = (await ask('STREAM.INFO')).config?.subjects ?? [];
  const begins = new Map<number, number>();
  await Promise.all(
    shards.map(async (shard) => {
      const next_by_subj = pattern.replace('*', String(shard));
      const { message } = await ask('STREAM.MSG.GET', { seq: 1, next_by_subj });
      if (message !== undefined)
        begins.set(shard, decodeHeader(Buffer.from(message.data, 'base64')).previous);
    }),
  );
  return begins;
}

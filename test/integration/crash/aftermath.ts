import { join } from 'node:path';
import { openFileJournal } from '../../../actors/journal/file-journal.ts';
import { decodeRecord } from '../../../actors/runtime/record.ts';
import { connectPostgres, typed } from '../../../ops/connections/postgres.ts';
import { startEmbeddedPostgres } from '../../../ops/embedded/postgres.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import type { ChatEvent } from '../../../schemas/chat/events.ts';
import type { Message } from '../../../schemas/chat/wire.ts';

interface Row {
  chat_id: string;
  seq: number;
  sender_id: string;
  client_id: string | null;
  text: string;
  changed_seq: number;
}

/**
 * Promise 7, looked at from below, in the data folder of a Suhbat that has stopped: PostgreSQL holds every
 * event that the journal holds, every message of the final histories and nothing else; the checkpoints
 * stand at the journal's end or just before its releases; epochs only grew. One sentence for each breach.
 */
export async function lookBelow(
  dataDir: string,
  histories: ReadonlyMap<string, readonly Message[]>,
): Promise<string[]> {
  const breaches: string[] = [];
  const postgres = await startEmbeddedPostgres({ dir: join(dataDir, 'postgres'), onLog: () => {} });
  try {
    const db = await connectPostgres({
      url: postgres.url,
      applicationName: 'aftermath',
      maxConnections: 2,
      statementTimeoutMs: 20_000,
      onError: () => {},
    });
    try {
      const rows = await db.any(
        typed<Row>()`select chat_id, seq, sender_id, client_id, text, changed_seq from messages order by chat_id, seq`,
      );
      const checkpoints = await db.any(
        typed<{ shard: number; position: number; journal_id: string; epoch: number }>()`
          select shard, position, journal_id, epoch from shard_checkpoints`,
      );
      const letters = await db.oneFirst(typed<{ count: number }>()`select count(*) from dead_letters`);
      if (letters !== 0) breaches.push(`there are ${letters} dead letters`);
      breaches.push(...(await journalAgainst(dataDir, rows, checkpoints)));
      for (const [chat, messages] of histories) {
        const own = rows.filter((row) => row.chat_id === chat);
        if (own.length !== messages.length)
          breaches.push(`${chat}: ${own.length} rows, ${messages.length} in history`);
        for (const message of messages) {
          const row = own.find((one) => one.seq === message.seq);
          if (row?.client_id !== message.client_id || row.text !== message.text)
            breaches.push(`${chat}: the row of ${message.seq} is not what the history said`);
        }
      }
    } finally {
      await db.end();
    }
  } finally {
    await postgres.stop();
  }
  return breaches;
}

async function journalAgainst(
  dataDir: string,
  rows: readonly Row[],
  checkpoints: readonly { shard: number; position: number; journal_id: string; epoch: number }[],
): Promise<string[]> {
  const breaches: string[] = [];
  const bySeq = new Map(rows.map((row) => [`${row.chat_id} ${row.seq}`, row]));
  const journal = await openFileJournal({ dir: join(dataDir, 'journal'), clock: systemClock });
  try {
    for (const { shard, position, journal_id, epoch } of checkpoints) {
      if (journal_id !== journal.id) breaches.push(`shard ${shard}: another journal's checkpoint`);
      let newest = 0;
      for (;;) {
        const page = await journal.read(shard, newest, 500);
        for (const { position: at, payload } of page) {
          const record = decodeRecord(payload);
          newest = at;
          if (record.epoch > epoch)
            breaches.push(`shard ${shard}: epoch ${record.epoch} above the row's ${epoch}`);
          for (const [kind, id, event] of record.events as [string, string, ChatEvent][]) {
            if (kind !== 'chat') continue;
            const row = bySeq.get(`${id} ${event.message.seq}`);
            if (row === undefined || row.changed_seq < event.message.changed_seq)
              breaches.push(`${id}: ${event.message.changed_seq} is in the journal and not in PostgreSQL`);
            if (record.type === 'batch' && at > position)
              breaches.push(`shard ${shard}: a batch after the checkpoint`);
          }
        }
        if (page.length < 500) break;
      }
      if (position > newest)
        breaches.push(`shard ${shard}: flushed to ${position}, the journal ends at ${newest}`);
    }
  } finally {
    await journal.close();
  }
  return breaches;
}

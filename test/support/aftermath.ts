import type { Journal } from '../../actors/journal/journal.ts';
import { decodeRecord } from '../../actors/runtime/record.ts';
import { type Database, typed } from '../../ops/connections/postgres.ts';
import type { ChatEvent } from '../../schemas/chat/events.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import { connectTo } from './database.ts';

interface Row {
  chat_id: string;
  seq: number;
  sender_id: string;
  client_id: string | null;
  text: string;
  changed_seq: number;
}

interface Checkpoint {
  shard: number;
  position: number;
  journal_id: string;
  epoch: number;
}

/**
 * Promises 7 and 8, looked at from below, when nobody writes any more and everything is flushed: PostgreSQL holds
 * every event that the journal holds, every message of the final histories and nothing else; the checkpoints
 * stand at the journal's end or just before its releases; epochs only grew, and no older one follows a newer
 * claim. One sentence for each breach.
 */
export async function lookBelow(
  journal: Pick<Journal, 'id' | 'read'>,
  databaseUrl: string,
  histories: ReadonlyMap<string, readonly Message[]>,
): Promise<string[]> {
  const db = await connectTo(databaseUrl, { maxConnections: 2, statementTimeoutMs: 60_000 });
  try {
    const rows = await db.any(
      typed<Row>()`select chat_id, seq, sender_id, client_id, text, changed_seq from messages order by chat_id, seq`,
    );
    return [
      ...(await deadLetters(db)),
      ...(await journalAgainst(db, journal, rows)),
      ...historiesAgainst(histories, rows),
    ];
  } finally {
    await db.end();
  }
}

async function deadLetters(db: Database): Promise<string[]> {
  const letters = await db.oneFirst(typed<{ count: number }>()`select count(*) from dead_letters`);
  return letters === 0 ? [] : [`there are ${letters} dead letters`];
}

function historiesAgainst(
  histories: ReadonlyMap<string, readonly Message[]>,
  rows: readonly Row[],
): string[] {
  const breaches: string[] = [];
  const byChat = Map.groupBy(rows, ({ chat_id }) => chat_id);
  for (const [chat, messages] of histories) {
    const own = new Map((byChat.get(chat) ?? []).map((row) => [row.seq, row]));
    if (own.size !== messages.length)
      breaches.push(`${chat}: ${own.size} rows, ${messages.length} in history`);
    for (const message of messages) {
      const row = own.get(message.seq);
      if (row?.client_id !== message.client_id || row.text !== message.text)
        breaches.push(`${chat}: the row of ${message.seq} is not what the history said`);
    }
  }
  return breaches;
}

const pageSize = 500;

async function journalAgainst(
  db: Database,
  journal: Pick<Journal, 'id' | 'read'>,
  rows: readonly Row[],
): Promise<string[]> {
  const breaches: string[] = [];
  const bySeq = new Map(rows.map((row) => [`${row.chat_id} ${row.seq}`, row]));
  const checkpoints = await db.any(
    typed<Checkpoint>()`select shard, position, journal_id, epoch from shard_checkpoints`,
  );
  for (const { shard, position, journal_id, epoch } of checkpoints) {
    if (journal_id !== journal.id) breaches.push(`shard ${shard}: another journal's checkpoint`);
    let newest = 0;
    let newestEpoch = 0;
    for (;;) {
      const page = await journal.read(shard, newest, pageSize);
      for (const { position: at, payload } of page) {
        const record = decodeRecord(payload);
        newest = at;
        // Who claims only to let go at once never writes the row.
        if (record.type === 'batch' && record.epoch > epoch)
          breaches.push(`shard ${shard}: epoch ${record.epoch} above the row's ${epoch}`);
        if (record.epoch < newestEpoch || (record.type === 'claim' && record.epoch === newestEpoch))
          breaches.push(`promise 8: shard ${shard}: epoch ${record.epoch} after ${newestEpoch}`);
        newestEpoch = Math.max(newestEpoch, record.epoch);
        for (const [kind, id, event] of record.events as [string, string, ChatEvent][]) {
          if (kind !== 'chat') continue;
          const row = bySeq.get(`${id} ${event.message.seq}`);
          if (row === undefined || row.changed_seq < event.message.changed_seq)
            breaches.push(
              `promise 7: ${id}: ${event.message.changed_seq} is in the journal and not in PostgreSQL`,
            );
          if (record.type === 'batch' && at > position)
            breaches.push(`shard ${shard}: a batch after the checkpoint`);
        }
      }
      if (page.length < pageSize) break;
    }
    if (position > newest)
      breaches.push(`shard ${shard}: flushed to ${position}, the journal ends at ${newest}`);
  }
  return breaches;
}

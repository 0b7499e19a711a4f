import type { ChatEvent } from '../../schemas/chat/events.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import type { ChatTables } from '../support/memory-chat-store.ts';
import type { Send } from './clients.ts';
import type { Cluster } from './cluster.ts';

/** What a run left behind, when all faults have ended and everything was flushed. */
export interface Aftermath {
  sends: readonly Send[];
  /** Frames of `message.new` and `message.changed` that left any node. */
  heard: readonly Message[];
  cluster: Cluster;
  tables: ChatTables;
}

/** Holds a run to promises 1–8; one sentence for each that is broken. */
export function brokenPromises({ sends, heard, cluster, tables }: Aftermath): string[] {
  const broken: string[] = [];
  const histories = new Map<string, Map<number, Message>>();
  for (const [chat, table] of tables.chats)
    histories.set(chat, new Map([...table.messages].map(([seq, { message }]) => [seq, message])));

  for (const send of sends) {
    const own = [...(histories.get(send.chat)?.values() ?? [])].filter(
      (one) => one.client_id === send.client_id,
    );
    if (own.length > 1) broken.push(`2: ${send.client_id} is ${own.length} messages`);
    if (send.outcome === 'acked' && own[0]?.seq !== send.seq)
      broken.push(`1: ${send.client_id} was acked at ${send.seq} and stands at ${own[0]?.seq}`);
    if (send.outcome === 'refused' && own.length > 0) broken.push(`6: refused ${send.client_id} appears`);
  }
  for (const later of sends) {
    if (later.outcome !== 'acked') continue;
    const earlier = sends.find(
      (one) =>
        one.outcome === 'acked' &&
        one.chat === later.chat &&
        one.answered < later.began &&
        one.seq >= later.seq,
    );
    if (earlier) broken.push(`5: ${earlier.seq} was acked before ${later.seq} was sent`);
  }
  const buried = new Set(
    cluster.database.deadLetters.map(({ event }) => nameOf((event as ChatEvent).message)),
  );
  for (const frame of heard) {
    if (buried.has(nameOf(frame))) continue;
    const kept = histories.get(frame.chat_id)?.get(frame.seq);
    if (kept === undefined || kept.client_id !== frame.client_id || kept.changed_seq < frame.changed_seq)
      broken.push(
        `4: a frame of ${frame.chat_id} told ${frame.seq} (${frame.changed_seq}), which is not history`,
      );
  }
  const told = new Set(heard.map(nameOf));
  for (const { record } of cluster.kept.values())
    for (const [, chat, { message }] of record.events as [string, string, ChatEvent][])
      if (!told.has(nameOf(message))) broken.push(`4: no frame told of ${message.changed_seq} of ${chat}`);
  broken.push(...brokenJournal(cluster, histories, buried));
  return [...new Set(broken)];
}

/** Promises 3, 7 and 8, over every record that was ever kept. */
function brokenJournal(
  cluster: Cluster,
  histories: Map<string, Map<number, Message>>,
  buried: Set<string>,
): string[] {
  const broken: string[] = [];
  const newest = new Map<number, { position: number; epoch: number }>();
  const seqs = new Map<string, number>();
  const last = new Map<string, Message>();
  for (const [position, { shard, record }] of [...cluster.kept].sort(([a], [b]) => a - b)) {
    const before = newest.get(shard) ?? { position: 0, epoch: 0 };
    if (record.previous !== before.position)
      broken.push(`8: the record at ${position} follows ${record.previous}, not ${before.position}`);
    if (record.epoch < before.epoch || (record.type === 'claim' && record.epoch === before.epoch))
      broken.push(`8: epoch ${record.epoch} at ${position} after epoch ${before.epoch}`);
    newest.set(shard, { position, epoch: record.epoch });
    for (const [, chat, event] of record.events as [string, string, ChatEvent][]) {
      const seq = event.message.changed_seq;
      const expected = (seqs.get(chat) ?? 0) + 1;
      if (seq !== expected) broken.push(`3: seq ${seq} of ${chat} where ${expected} was due`);
      seqs.set(chat, seq);
      last.set(`${chat} ${event.message.seq}`, event.message);
    }
  }
  for (const message of last.values()) {
    if (buried.has(nameOf(message))) continue;
    const kept = histories.get(message.chat_id)?.get(message.seq);
    if (kept?.changed_seq !== message.changed_seq || kept.text !== message.text)
      broken.push(
        `7: seq ${message.seq} of ${message.chat_id} is ${kept?.changed_seq} in PostgreSQL, ${message.changed_seq} in the journal`,
      );
  }
  for (const [shard, { position }] of newest) {
    const checkpoint = cluster.database.checkpoints.get(shard)?.position ?? 0;
    if (checkpoint !== position) broken.push(`7: shard ${shard} is flushed to ${checkpoint} of ${position}`);
  }
  return broken;
}

/** Names one version of one message. */
function nameOf({ chat_id, seq, changed_seq }: Message): string {
  return `${chat_id} ${seq} ${changed_seq}`;
}
